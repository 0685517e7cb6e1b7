import { describe, expect, it } from 'vitest';
import { Graph } from './graph.ts';
import { Scope } from './scope.ts';
import type { Tensor } from './tensor.ts';
import { countingSource } from './testing/tensors.ts';
import type { WeightSource } from './weights/source.ts';
import { withoutPrefix } from './weights/views.ts';

const root = (path?: string) =>
  Scope.root(new Graph('test'), countingSource({ 'a.0.weight': [4, 3], 'a.0.bias': [4], 'b.weight': [2] }), path);
const coded = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) as string }) as Error;

describe('scope', () => {
  it('reads the key that is its path', () => {
    const s = root();
    expect(s.at('a', 0).weight('weight', [4, 3])).toMatchObject({ name: 'a.0.weight', dims: [4, 3] });
    expect(s.at('a.0').path).toBe('a.0');
  });

  it('reports a missing key with its path', () => {
    expect(() => root().at('a', 1).weight('weight', [4, 3])).toThrow(coded('weight_missing', /"a\.1\.weight"/));
  });

  it('reports a shape with both sides', () => {
    expect(() => root().at('a', 0).weight('weight', [3, 4])).toThrow(
      coded('weight_shape', /"a\.0\.weight" is \[4, 3\], the graph needs \[3, 4\]/),
    );
  });

  it('reports a key read twice, also through another scope', () => {
    const s = root();
    s.at('b').weight('weight', [2]);
    expect(() => s.weight('b.weight', [2])).toThrow(coded('weight_read_twice', /"b\.weight"/));
  });

  it('reports unread keys below its path, but for those excused', () => {
    const s = root();
    s.at('a', 0).weight('weight', [4, 3]);
    expect(() => s.assertAllRead()).toThrow(coded('weight_unused', /2 tensors .*"a\.0\.bias", "b\.weight"/));
    expect(() => s.assertAllRead([/\.bias$/, /^b\./])).not.toThrow();
    expect(() => root('b').assertAllRead()).toThrow(coded('weight_unused', /1 tensors .*"b\.weight"/));
  });

  it('cuts a tensor into parts along the first axis', () => {
    const s = root();
    const [first, second] = s.at('a', 0).parts('weight', [4, 3], 2);
    const values = [first, second].map((part) => [...new Float32Array(s.graph.constants.get(part!.name)!.bytes().slice().buffer)]);
    expect(values).toEqual([
      [0, 1, 2, 3, 4, 5],
      [6, 7, 8, 9, 10, 11],
    ]);
    expect(second).toMatchObject({ name: 'a.0.weight[2:4]', dims: [2, 3] });
  });

  it('takes what is being learned as an input, in parts too, and hands over what follows the data', () => {
    const updates = new Map<string, Tensor>();
    const source: WeightSource = {
      ...countingSource({ 'a.weight': [4, 3], 'a.bias': [4] }),
      learning: {
        has: (key) => key === 'a.weight',
        input: (graph, key, dims) => graph.input(key, 'float32', dims),
        update: (key, next) => updates.set(key, next),
      },
    };
    const graph = new Graph('learning');
    const s = Scope.root(graph, withoutPrefix(source, 'a.'));
    const [first, second] = s.parts('weight', [4, 3], 2);
    const bias = s.weight('bias', [4]);
    expect(graph.inputs).toEqual([expect.objectContaining({ name: 'a.weight', dims: [4, 3] })]);
    expect(graph.nodes).toEqual([expect.objectContaining({ op: 'Split', inputs: graph.inputs, outputs: [first, second] })]);
    expect(graph.constants.has(bias.name)).toBe(true);
    expect([s.learns('weight'), s.learns('bias')]).toEqual([true, false]);
    s.update('weight', first!);
    expect([...updates]).toEqual([['a.weight', first]]);
  });
});
