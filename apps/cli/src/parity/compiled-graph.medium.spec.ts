import { mkdtempSync, readdirSync, rmSync, utimesSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportGraph, Graph, hashWeights, op, Scope } from '@likeness/graph';
import { createSession, float32 } from '@likeness/inference';
import { afterEach, beforeEach, expect, it } from 'vitest';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'compiled-'))));
afterEach(() => rmSync(folder, { recursive: true }));

/** A convolution of 32 channels and a product over [1, 32, side, side]; both weights are large enough to be kept in files. */
function built(side: number, seed = 1) {
  const graph = new Graph('small');
  const s = Scope.root(graph, hashWeights(seed));
  const x = graph.input('x', 'float32', [1, 32, side, side]);
  const h = op.conv2d(x, s.weight('conv.weight', [64, 32, 3, 3]), s.weight('conv.bias', [64]), { padding: 1 });
  const rows = op.reshape(op.transpose(h, [0, 2, 3, 1]), [side * side, 64]);
  graph.output('y', op.linear(rows, s.weight('proj.weight', [512, 64])));
  return exportGraph(graph);
}

async function run(side: number, compiled: boolean, seed?: number) {
  const { bytes, fingerprint } = built(side, seed);
  const session = await createSession({ bytes, threads: 1, ...(compiled && { compiled: { folder, fingerprint, pack: false } }) });
  const dims = [1, 32, side, side];
  const values = Float32Array.from({ length: 32 * side * side }, (_, i) => Math.sin(i));
  const { y } = await session.run({ x: float32(dims, values) });
  await session.release();
  return y!.data as Float32Array;
}

const kept = (extension: string) => readdirSync(folder).filter((name) => name.endsWith(extension));
const tensors = () => readdirSync(join(folder, 'tensors'));

it('gives the same values as the graph itself, at once and when it is loaded again', async () => {
  const plain = await run(6, false);
  for (let i = 0; i < 2; i++) {
    const values = await run(6, true);
    expect(Math.max(...values.map((v, k) => Math.abs(v - plain[k]!)))).toBeLessThan(1e-5);
  }
  expect(kept('.onnx')).toHaveLength(1);
  expect(kept('.partial')).toEqual([]);
});

it('keeps one copy of the weights for all sizes, and another for other weights', async () => {
  await run(6, true);
  const first = tensors();
  expect(first.length).toBeGreaterThanOrEqual(2);
  await run(9, true);
  expect(kept('.onnx')).toHaveLength(2);
  expect(tensors()).toEqual(first);
  await run(6, true, 2);
  expect(kept('.onnx')).toHaveLength(3);
  expect(tensors()).toHaveLength(2 * first.length);
});

it('removes what a process left that was ended on the way', async () => {
  const left = join(folder, 'left.partial');
  mkdirSync(left);
  const hours = new Date(Date.now() - 7_200_000);
  utimesSync(left, hours, hours);
  await run(6, true);
  expect(kept('.partial')).toEqual([]);
});
