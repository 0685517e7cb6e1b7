import { exportGraph, Graph, type Tensor } from '@likeness/graph';
import { createSession, float32, floats, int64, type Feeds } from '@likeness/inference';
import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { angularMarginLoss } from './angular-margin.ts';
import { contrastiveLoss } from './contrastive.ts';
import { crossEntropy } from './cross-entropy.ts';

async function evaluate(build: (graph: Graph) => Readonly<Record<string, Tensor>>, feeds: Feeds): Promise<Record<string, number>> {
  const graph = new Graph('loss');
  for (const [name, value] of Object.entries(build(graph))) graph.output(`${name}_of`, value);
  const session = await createSession({ bytes: exportGraph(graph).bytes, threads: 1 });
  try {
    const outputs = await session.run(feeds);
    return Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name.replace(/_of$/, ''), floats(value)[0]!]));
  } finally {
    await session.release();
  }
}

const sum = (values: readonly number[]) => values.reduce((total, x) => total + x, 0);
const rowsOf = (values: Float32Array, width: number) =>
  Array.from({ length: values.length / width }, (_, i) => Array.from(values.subarray(i * width, (i + 1) * width)));
const unit = (row: readonly number[]) => row.map((x) => x / Math.hypot(...row));
const dot = (a: readonly number[], b: readonly number[]) => sum(a.map((x, i) => x * b[i]!));
const surprise = (logits: readonly number[], label: number) => Math.log(sum(logits.map(Math.exp))) - logits[label]!;

describe('crossEntropy', () => {
  const logits = new Random(1).normals(2 * 3 * 4, 2);
  const labels = [2, 0, 1, 1, 0, 2, 2, 1];
  const classesAt = (b: number, i: number) => [0, 1, 2].map((c) => logits[(b * 3 + c) * 4 + i]!);
  const each = labels.map((label, k) => surprise(classesAt(Math.floor(k / 4), k % 4), label));
  const run = (weights?: readonly number[]) =>
    evaluate(
      (graph) => ({
        loss: crossEntropy(graph.input('logits', 'float32', [2, 3, 2, 2]), graph.input('labels', 'int64', [2, 1, 2, 2]), {
          axis: 1,
          ...(weights && { weights }),
        }),
      }),
      { logits: float32([2, 3, 2, 2], logits), labels: int64([2, 1, 2, 2], labels) },
    );

  it('is the mean surprise over the pixels', async () => {
    expect((await run())['loss']).toBeCloseTo(sum(each) / each.length, 5);
  });

  it('weights each pixel by its class', async () => {
    const weights = [1, 3, 0.5];
    const of = labels.map((label) => weights[label]!);
    expect((await run(weights))['loss']).toBeCloseTo(sum(each.map((x, i) => x * of[i]!)) / sum(of), 5);
  });
});

it('contrastiveLoss asks for the right picture among all and the right text among all', async () => {
  const random = new Random(2);
  const [images, texts] = [random.normals(4 * 3), random.normals(4 * 3)];
  const scale = 1.5;
  const found = await evaluate(
    (graph) =>
      contrastiveLoss(
        graph.input('images', 'float32', [4, 3]),
        graph.input('texts', 'float32', [4, 3]),
        graph.input('scale', 'float32', []),
      ),
    { images: float32([4, 3], images), texts: float32([4, 3], texts), scale: float32([], Float32Array.of(scale)) },
  );
  const [i, t] = [rowsOf(images, 3).map(unit), rowsOf(texts, 3).map(unit)];
  const logits = t.map((text) => i.map((image) => Math.exp(scale) * dot(text, image)));
  const byText = sum(logits.map((row, k) => surprise(row, k))) / 4;
  const byImage = sum(logits.map((_, k) => surprise(logits.map((row) => row[k]!), k))) / 4; // prettier-ignore
  expect(found['loss']).toBeCloseTo((byText + byImage) / 2, 5);
  expect(found['accuracy']).toBeCloseTo(sum(logits.map((row, k) => Number(row[k] === Math.max(...row)))) / 4, 6);
});

describe('angularMarginLoss', () => {
  const random = new Random(3);
  const centres = random.normals(5 * 4);
  const embeddings = random.normals(3 * 4);
  embeddings.set(
    Array.from(centres.subarray(4, 8), (x) => -x),
    8,
  ); // opposite to its own centre: beyond π − m
  const labels = [2, 4, 1];
  const scale = 8;

  it.each([0, 0.4])('makes the angle to the own centre larger by %d', async (margin) => {
    const found = await evaluate(
      (graph) =>
        angularMarginLoss(
          graph.input('embeddings', 'float32', [3, 4]),
          graph.input('centres', 'float32', [5, 4]),
          graph.input('labels', 'int64', [3]),
          graph.input('margin', 'float32', [1]),
          scale,
        ),
      {
        embeddings: float32([3, 4], embeddings),
        centres: float32([5, 4], centres),
        labels: int64([3], labels),
        margin: float32([1], Float32Array.of(margin)),
      },
    );
    const [e, c] = [rowsOf(embeddings, 4).map(unit), rowsOf(centres, 4).map(unit)];
    const each = e.map((row, k) => {
      const cosines = c.map((centre) => dot(row, centre));
      const angle = Math.acos(Math.min(1, Math.max(-1, cosines[labels[k]!]!)));
      const raised = angle < Math.PI - margin ? Math.cos(angle + margin) : Math.cos(angle) - Math.sin(margin) * margin;
      return surprise(
        cosines.map((cosine, j) => scale * (j === labels[k] ? raised : cosine)),
        labels[k]!,
      );
    });
    expect(found['loss']).toBeCloseTo(sum(each) / 3, 3);
  });
});
