import { exportGraph, Graph, hashWeights, int8, observeConvolutions, op, Scope } from '@likeness/graph';
import { createSession, float32, type Feeds } from '@likeness/inference';
import { expect, it } from 'vitest';

const side = 12;
const keys = ['conv1.weight', 'conv2.weight'];

/** Two convolutions with something between, and a linear layer over the pixels. */
function network() {
  const graph = new Graph('small');
  const s = Scope.root(graph, hashWeights(3));
  let x = graph.input('x', 'float32', [1, 16, side, side]);
  x = op.conv2d(x, s.weight('conv1.weight', [32, 16, 3, 3]), s.weight('conv1.bias', [32]), { padding: 1, stride: 1 });
  x = op.conv2d(op.silu(x), s.weight('conv2.weight', [48, 32, 1, 1]), undefined);
  const rows = op.reshape(op.transpose(x, [0, 2, 3, 1]), [side * side, 48]);
  graph.output('y', op.linear(op.silu(rows), s.weight('proj.weight', [64, 48]), s.weight('proj.bias', [64])));
  return graph;
}

const x = float32(
  [1, 16, side, side],
  Float32Array.from({ length: 16 * side * side }, (_, i) => 2 * Math.sin(i * 1.3)),
);

async function run(graph: Graph, feeds: Feeds = { x }) {
  const session = await createSession({ bytes: exportGraph(graph).bytes, threads: 1 });
  const outputs = await session.run(feeds);
  await session.release();
  return outputs;
}

const relativeError = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  let [difference, length] = [0, 0];
  for (let i = 0; i < a.length; i++) [difference, length] = [difference + (b[i]! - a[i]!) ** 2, length + a[i]! ** 2];
  return Math.sqrt(difference / length);
};

it('runs convolutions and linear layers in 8 bits, close to float32, between the ranges that were observed', async () => {
  const exact = (await run(network())).y!.data as Float32Array;
  const observed = observeConvolutions(network());
  expect(observed.keys).toEqual(keys);
  const { y, ranges: seen } = await run(observed.graph);
  expect(y!.data).toEqual(exact);
  const rows = seen!.data as Float32Array; // [2, 4]
  expect(rows[0]).toBeCloseTo(-2, 2);
  expect(rows[1]).toBeCloseTo(2, 2);

  const ranges = Object.fromEntries(
    keys.map((key, i) => [key, { input: [rows[4 * i]!, rows[4 * i + 1]!], output: [rows[4 * i + 2]!, rows[4 * i + 3]!] } as const]),
  );
  const quantised = int8(network(), ranges);
  expect(quantised.liveNodes().map(({ op: name }) => name)).toEqual(
    expect.arrayContaining(['QuantizeLinear', 'QLinearConv', 'DequantizeLinear', 'DynamicQuantizeMatMul']),
  );
  const error = relativeError(exact, (await run(quantised)).y!.data as Float32Array);
  expect(error).toBeGreaterThan(1e-4);
  expect(error).toBeLessThan(0.03);
});

it('leaves a convolution without a range, and a linear layer of few rows, as they are', () => {
  const names = (graph: Graph) => graph.liveNodes().map(({ op: name }) => name);
  expect(names(int8(network(), {})).filter((name) => name === 'Conv')).toHaveLength(2);
  const few = new Graph('few');
  few.output('y', op.linear(few.input('x', 'float32', [4, 48]), Scope.root(few, hashWeights(3)).weight('proj.weight', [64, 48])));
  expect(names(int8(few, {}))).toContain('Gemm');
});
