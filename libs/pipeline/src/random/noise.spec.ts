import { describe, expect, it } from 'vitest';
import { createNoise } from './index.ts';

const close = (values: ArrayLike<number>, expected: readonly number[]) =>
  Array.from(values).forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));

describe('createNoise', () => {
  it('draws as torch does on the CPU, one draw after another', () => {
    const noise = createNoise('cpu', 42);
    close(noise.normal(5), [0.33669, 0.128809, 0.234462, 0.230333, -1.12286]);
    close(noise.normal(256).subarray(0, 4), [-0.248258, -1.20821, -0.477667, 0.520131]);
    close(noise.normal(2), [-0.186328, 1.97388]); // the first is the spare of the five
    close(
      noise.normal(17),
      [
        -1.3793, -1.01508, -0.541918, -0.441025, -0.313618, -0.129254, -0.714962, -0.0475622, 0.522957, 0.253919, 0.936439, 0.712236,
        -0.0317655, 0.101641, 1.3433, 0.71327, 0.346283,
      ],
    ); // the last 16 drawn afresh
  });

  it('draws as torch does on CUDA', () => {
    const noise = createNoise('cuda', 222);
    close(noise.normal(140).subarray(0, 4), [2.22164, 0.1203, -1.23626, 0.790247]);
    close(noise.normal(3), [-1.73911, 0.054864, -0.340258]);
  });

  it('draws float16 as torch does, and rounds to what it can hold', () => {
    const noise = createNoise('cpu', 9);
    noise.normal(256, 'float16');
    const odd = noise.normal(140, 'float16'); // uniforms block by block, so its tail is not float32's
    close(odd.subarray(120, 124), [-1.33691, -0.768066, -0.728027, 0.0266571]);
    expect(odd.every((x) => (x * 2 ** 24) % 1 === 0)).toBe(true);
  });

  it('takes the low 32 bits of a seed on the CPU and all 64 on CUDA', () => {
    const first = (source: 'cpu' | 'cuda', seed: number | bigint) => createNoise(source, seed).normal(16)[0];
    expect(first('cpu', 2 ** 40 + 5)).toBe(first('cpu', 5));
    expect(first('cuda', 2 ** 40 + 5)).not.toBe(first('cuda', 5));
    expect(first('cpu', -1)).toBe(first('cpu', 2n ** 64n - 1n));
    expect(() => createNoise('cpu', 1.5)).toThrow(/1.5/);
  });

  it('is standard normal', () => {
    for (const source of ['cpu', 'cuda'] as const) {
      const values = createNoise(source, 7).normal(65_536);
      const mean = values.reduce((a, b) => a + b, 0) / values.length;
      const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
      expect([Math.abs(mean) < 0.01, Math.abs(variance - 1) < 0.02]).toEqual([true, true]);
    }
  });
});
