import { Graph, Scope, type WeightSource } from '@likeness/graph';
import { countingSource } from '@likeness/graph/testing';
import { describe, expect, it } from 'vitest';
import { Parameters } from './parameters.ts';

const scope = (parameters: Parameters, path = '') => Scope.root(new Graph('test'), parameters, path);
const first = (parameters: Parameters, key: string) => parameters.initial().get(key)!;
const within = (values: Float32Array, bound: number) => {
  const most = values.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
  expect(most).toBeLessThanOrEqual(bound);
  expect(most).toBeGreaterThan(0.8 * bound);
};
const deviation = (values: Float32Array) => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);

describe('parameters', () => {
  it('are inputs of the graph as soon as they are asked for', () => {
    const parameters = new Parameters(1);
    const s = scope(parameters, 'net');
    const weight = s.weight('fc.weight', [3, 4]);
    expect(s.graph.inputs).toEqual([weight]);
    expect([...parameters.inputs]).toEqual([['net.fc.weight', weight]]);
    expect(scopeOfSame(s, parameters).weight('fc.weight', [3, 4])).toBe(weight);
  });

  it('begin as torch begins them', () => {
    const parameters = new Parameters(1);
    const s = scope(parameters);
    s.weight('conv.bias', [64]); // before its weight
    s.weight('conv.weight', [64, 16, 3, 3]);
    for (const name of ['norm.weight', 'norm.bias', 'bn.running_mean', 'bn.running_var']) s.weight(name, [5]);
    s.weight('prelu.weight', [5]);
    s.weight('embeddings.token_embedding.weight', [100, 32]);
    s.weight('to_q_lora.down.weight', [4, 500]);
    s.weight('to_q_lora.up.weight', [8, 4]);
    within(first(parameters, 'conv.weight'), 1 / Math.sqrt(16 * 9));
    within(first(parameters, 'conv.bias'), 1 / Math.sqrt(16 * 9));
    expect([...first(parameters, 'norm.weight'), ...first(parameters, 'bn.running_var')]).toEqual(new Array(10).fill(1));
    expect([...first(parameters, 'norm.bias'), ...first(parameters, 'bn.running_mean')]).toEqual(new Array(10).fill(0));
    expect([...first(parameters, 'prelu.weight')]).toEqual(new Array(5).fill(0.25));
    expect(deviation(first(parameters, 'embeddings.token_embedding.weight'))).toBeCloseTo(0.02, 2);
    expect(deviation(first(parameters, 'to_q_lora.down.weight'))).toBeCloseTo(0.25, 1);
    expect([...first(parameters, 'to_q_lora.up.weight')]).toEqual(new Array(32).fill(0));
  });

  it('begin the same in whatever order they are asked for, and differently with another seed', () => {
    const values = (seed: number, keys: string[]) => {
      const parameters = new Parameters(seed);
      for (const key of keys) scope(parameters).weight(key, [4, 4]);
      return first(parameters, 'a.weight');
    };
    expect(values(1, ['a.weight', 'b.weight'])).toEqual(values(1, ['b.weight', 'a.weight']));
    expect(values(1, ['a.weight'])).not.toEqual(values(2, ['a.weight']));
  });

  it('start from a source below a path, at zero where told to, and refuse a wrong shape', () => {
    const parameters = new Parameters(1);
    parameters.start(countingSource({ 'fc.weight': [2, 2] }), 'net').zero(/out\.weight$/);
    const s = scope(parameters, 'net');
    s.weight('fc.weight', [2, 2]);
    s.weight('out.weight', [1, 2]);
    expect([...first(parameters, 'net.fc.weight')]).toEqual([0, 1, 2, 3]);
    expect([...first(parameters, 'net.out.weight')]).toEqual([0, 0]);
    expect(() => scope(parameters, 'net').weight('fc.weight', [4])).toThrow(/"net.fc.weight" is \[2, 2\], the graph needs \[4\]/);
  });

  it('stay constants where they are frozen', () => {
    const parameters = new Parameters(1).freeze(/^encoder\./);
    const s = scope(parameters);
    const frozen = s.weight('encoder.weight', [2, 2]);
    expect(s.learns('encoder.weight')).toBe(false);
    expect(s.graph.constants.has(frozen.name)).toBe(true);
    expect(parameters.inputs.size).toBe(0);
  });

  it('do not have a gradient where they follow the data', () => {
    const parameters = new Parameters(1);
    const s = scope(parameters);
    const [mean, weight] = [s.weight('running_mean', [2]), s.weight('weight', [2])];
    s.update('running_mean', weight);
    expect(parameters.withGradient()).toEqual([weight]);
    expect(parameters.updates.get(mean.name)).toBe(weight);
  });

  it('say which key has no first value', () => {
    const parameters = new Parameters(1);
    scope(parameters).weight('strange', [2]);
    expect(() => parameters.initial()).toThrow(
      expect.objectContaining({ code: 'initial_value_unknown', detail: { key: 'strange', shape: [2] } }),
    );
  });

  it('are a source of all the model has read, once they are trained', () => {
    const parameters = new Parameters(1).freeze(/^a/).start(countingSource({ 'a.weight': [2, 1] }));
    const s = scope(parameters);
    s.graph.constants.get(s.weight('a.weight', [2, 1]).name)!.bytes();
    s.weight('b.weight', [2]);
    const source: WeightSource = parameters.with(new Map([['b.weight', Float32Array.of(7, 8)]]));
    expect(source.keys).toEqual(['a.weight', 'b.weight']);
    expect([...source.read('a.weight', [2, 1]), ...source.read('b.weight', [2])]).toEqual([0, 1, 7, 8]);
    expect(() => source.read('c', [])).toThrow(/no tensor "c"/);
  });
});

/** A second part of the model that reads the same weights. */
const scopeOfSame = (s: Scope, parameters: Parameters) => Scope.root(s.graph, parameters, s.path);
