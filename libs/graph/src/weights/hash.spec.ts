import { describe, expect, it } from 'vitest';
import { hashWeights } from './hash.ts';

const first = (key: string, shape: readonly number[], options = {}) => [...hashWeights(7, options).read(key, shape).slice(0, 2)];

/** Values of the published rule, made by its reference implementation. */
describe('hash weights', () => {
  it.each<[string, number[], number[]]>([
    ['conv_in.weight', [4, 2, 3, 3], [0.3548755943775177, -0.14143341779708862]],
    ['norm.weight', [6], [0.9087945818901062, 1.0722153186798096]],
    ['norm.bias', [6], [0.07275374978780746, -0.02147831954061985]],
    ['bn.running_mean', [4], [0.036702416837215424, 0.08354810625314713]],
    ['latents', [1, 2, 4], [0.3926495909690857, 0.20106428861618042]],
  ])('%s', (key, shape, values) => {
    expect(first(key, shape)).toEqual(values);
  });

  it('applies the gain to matrices alone', () => {
    expect(first('latents', [1, 2, 4], { gain: 2 })).toEqual([2 * 0.3926495909690857, 2 * 0.20106428861618042]);
    expect(first('norm.bias', [6], { gain: 2 })).toEqual(first('norm.bias', [6]));
  });

  it('centres slopes at a quarter where a key part says so', () => {
    const slopes = hashWeights(7, { prelu: ['prelu'] }).read('layer1.0.prelu.weight', [64]);
    expect(Math.min(...slopes)).toBeGreaterThanOrEqual(0.2);
    expect(Math.max(...slopes)).toBeLessThanOrEqual(0.3);
    expect(Math.min(...hashWeights(7, { prelu: ['prelu'] }).read('layer1.0.prelus.weight', [64]))).toBeGreaterThan(0.8);
  });

  it('keeps variances positive and counts at zero', () => {
    expect(Math.min(...hashWeights(1).read('bn.running_var', [64]))).toBeGreaterThanOrEqual(1);
    expect([...hashWeights(1).read('bn.num_batches_tracked', [])]).toEqual([0]);
  });
});
