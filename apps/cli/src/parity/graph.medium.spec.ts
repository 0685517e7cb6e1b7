import { mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportGraph, Graph, openCheckpoint, op, Scope, type DType, type ExportOptions, type Tensor } from '@likeness/graph';
import { createSession, type Tensor as Values } from '@likeness/inference';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let folder: string;
beforeAll(() => void (folder = realpathSync(mkdtempSync(join(tmpdir(), 'graphs-')))));
afterAll(() => rmSync(folder, { recursive: true }));

async function runGraph(graph: Graph, feeds: Record<string, Values>, options: ExportOptions = {}): Promise<Record<string, Values>> {
  const { bytes, externalFolder } = exportGraph(graph, options);
  const session = await createSession({ bytes, ...(externalFolder === undefined ? {} : { folder: externalFolder }) });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/** Runs one operator over 0, 1, 2, … in the runtime. */
async function apply(build: (x: Tensor) => Tensor, dims: readonly number[], dtype: DType = 'float32') {
  const graph = new Graph('one');
  graph.output('y', build(graph.input('x', dtype, dims)));
  const count = dims.reduce((n, d) => n * d, 1);
  const values = Array.from({ length: count }, (_, i) => i);
  const x: Values =
    dtype === 'int64'
      ? { dtype, dims, data: BigInt64Array.from(values, BigInt) }
      : { dtype: 'float32', dims, data: Float32Array.from(values) };
  const { y } = await runGraph(graph, { x });
  return { dims: y!.dims, values: Array.from(y!.data as ArrayLike<number | bigint>, Number), promised: graph.outputs[0]! };
}

describe('operators as the runtime understands them', () => {
  it.each<[string, (x: Tensor) => Tensor, number[], number[]]>([
    ['slice', (x) => op.slice(x, 1, 1, 3), [2, 3], [1, 2, 4, 5]],
    ['pad', (x) => op.pad2d(x, { right: 1, bottom: 1 }), [1, 1, 2, 2], [0, 1, 0, 2, 3, 0, 0, 0, 0]],
    ['nearest to twice the size', (x) => op.resizeNearest(x, 2, 4), [1, 1, 1, 2], [0, 0, 1, 1, 0, 0, 1, 1]],
    ['nearest to an odd size', (x) => op.resizeNearest(x, 1, 5), [1, 1, 1, 3], [0, 0, 1, 1, 2]],
    ['corners aligned', (x) => op.resizeAlignCorners(x, 1, 5), [1, 1, 1, 3], [0, 0.5, 1, 1.5, 2]],
    ['first of equals', (x) => op.argMax(op.mul(x, 0), 1), [2, 3], [0, 0]],
    ['running sum', (x) => op.cumulativeSum(x, 0), [4], [0, 1, 3, 6]],
    ['gather per row', (x) => op.gatherPerRow(x, x.graph.ints([1, 0], [2, 1])), [2, 2, 2], [2, 3, 4, 5]],
    ['clip', (x) => op.clip(x, 1, 2), [4], [1, 1, 2, 2]],
    ['chunk', (x) => op.chunk(x, 2, 1)[1]!, [2, 2], [1, 3]],
    ['depth to space', (x) => op.depthToSpace(x, 2), [1, 8, 1, 1], [0, 1, 2, 3, 4, 5, 6, 7]],
    ['depth to space of two pixels', (x) => op.depthToSpace(x, 2), [1, 4, 1, 2], [0, 2, 1, 3, 4, 6, 5, 7]],
    ['expand', (x) => op.expand(x, [2, 2]), [1, 2], [0, 1, 0, 1]],
    ['concat', (x) => op.concat([x, x], 0), [2], [0, 1, 0, 1]],
    ['max pool', (x) => op.maxPool2d(x, 3, { stride: 2, padding: 1 }), [1, 1, 4, 4], [5, 7, 13, 15]],
    ['linear', (x) => op.linear(x, x, x.graph.floats([10, 20], [2])), [2, 2], [11, 23, 13, 33]],
    ['prelu', (x) => op.prelu(op.sub(x, 1), x.graph.floats([0.5], [1])), [3], [-0.5, 0, 1]],
    ['where', (x) => op.where(op.equal(x, 1), op.add(x, 10), x), [3], [0, 11, 2]],
  ])('%s', async (_, build, dims, expected) => {
    const { dims: shape, values, promised } = await apply(build, dims);
    expect(values).toEqual(expected);
    expect(shape).toEqual(promised.dims);
  });

  it('attention shares channels among heads and masks what comes later', async () => {
    const graph = new Graph('attention');
    const x = graph.input('x', 'float32', [1, 2, 2]);
    graph.output('all', op.attention(x, x, x, 2));
    graph.output('past', op.attention(x, x, x, 2, { causal: true }));
    const { all, past } = await runGraph(graph, { x: { dtype: 'float32', dims: [1, 2, 2], data: Float32Array.of(0, 1, 1, 3) } });
    const mix = (score: number) => 1 / (1 + Math.exp(-score)); // share of the second row; heads are one channel wide, so the scale is 1
    const rows = [mix(0), 1 + 2 * mix(2), mix(1), 1 + 2 * mix(6)];
    expect(Array.from(all!.data as Float32Array)).toEqual(rows.map((v) => expect.closeTo(v, 5) as number));
    expect(Array.from(past!.data as Float32Array)).toEqual([0, 1, rows[2], rows[3]].map((v) => expect.closeTo(v!, 5) as number));
  });

  it('keeps double precision where a graph asks for it', async () => {
    const { values } = await apply((x) => op.cast(op.sin(op.mul(op.cast(x, 'float64'), 1000)), 'float32'), [4]);
    expect(values).toEqual([0, 1000, 2000, 3000].map((angle) => Math.fround(Math.sin(angle))));
  });

  it('takes int64 indices', async () => {
    const { values } = await apply((x) => op.gather(x.graph.floats([5, 6, 7], [3, 1]), x), [3], 'int64');
    expect(values).toEqual([5, 6, 7]);
  });
});

describe('weights outside the graph', () => {
  const width = 4160; // a matrix of 66 MiB: above what a graph carries itself
  const layer = (path: string) => {
    const file = openCheckpoint(path);
    const graph = new Graph('layer');
    const s = Scope.root(graph, file);
    graph.output('y', op.linear(graph.input('x', 'float32', [1, width]), s.weight('weight', [width, width])));
    return { graph, file };
  };

  it.each([
    ['F32', 'stay where they lie', 0],
    ['BF16', 'are converted once', 1],
  ] as const)('%s weights %s', async (dtype, _, written) => {
    const size = dtype === 'F32' ? 4 : 2;
    const header = JSON.stringify({ weight: { dtype, shape: [width, width], data_offsets: [0, width * width * size] } });
    const text = new TextEncoder().encode(header.padEnd(Math.ceil(header.length / 8) * 8));
    const bytes = new Uint8Array(8 + text.length + width * width * size);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
    bytes.set(text, 8);
    // 1 on the diagonal: the layer returns its input
    for (let i = 0; i < width; i++) bytes.set([0x80, 0x3f], 8 + text.length + (i * width + i) * size + (size - 2));
    const path = join(folder, `${dtype}.safetensors`);
    writeFileSync(path, bytes);
    const weightsFolder = join(folder, `${dtype}-weights`);

    const layers = [layer(path), layer(path)];
    try {
      const data = Float32Array.from({ length: width }, (_v, i) => i);
      const { y } = await runGraph(layers[0]!.graph, { x: { dtype: 'float32', dims: [1, width], data } }, { weightsFolder });
      expect(y!.data).toEqual(data);
      expect(readdirSync(weightsFolder)).toHaveLength(written);

      const [first, second] = layers.map(({ graph }) => exportGraph(graph, { weightsFolder }).bytes);
      expect(first).toEqual(second);
      expect(first!.length).toBeLessThan(2000);
      expect(readdirSync(weightsFolder)).toHaveLength(written);
    } finally {
      for (const { file } of layers) file.close();
    }
  });
});
