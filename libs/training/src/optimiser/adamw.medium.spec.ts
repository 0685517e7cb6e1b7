import { exportGraph, Graph } from '@likeness/graph';
import { createSession, float32, floats } from '@likeness/inference';
import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { appendAdamW, stepScalars, type AdamWOptions } from './adamw.ts';

const shapes = { matrix: [3, 5], vector: [5] } as const;
type Name = keyof typeof shapes;
const names = Object.keys(shapes) as Name[];
type Arrays = Record<Name, Float64Array>;

const drawn = (random: Random, scale: number): Arrays => ({
  matrix: Float64Array.from(random.normals(15, scale)),
  vector: Float64Array.from(random.normals(5, scale)),
});

/** The algorithm of torch.optim.AdamW's documentation after torch.nn.utils.clip_grad_norm_, number by number. */
function reference(begin: Arrays, gradients: readonly Arrays[], rate: number, options: AdamWOptions): Arrays {
  const { betas: [beta1, beta2], epsilon, weightDecay, decayVectors, clipNorm } = options; // prettier-ignore
  const theta: Arrays = { matrix: begin.matrix.slice(), vector: begin.vector.slice() };
  const m: Arrays = { matrix: new Float64Array(15), vector: new Float64Array(5) };
  const v: Arrays = { matrix: new Float64Array(15), vector: new Float64Array(5) };
  for (const [i, step] of gradients.entries()) {
    const norm = Math.hypot(...step.matrix, ...step.vector);
    const factor = clipNorm === undefined ? 1 : Math.min(1, clipNorm / (norm + 1e-6));
    for (const name of names) {
      for (const [j, raw] of step[name].entries()) {
        const g = raw * factor;
        if (name === 'matrix' || decayVectors) theta[name][j]! -= rate * weightDecay * theta[name][j]!;
        m[name][j] = beta1 * m[name][j]! + (1 - beta1) * g;
        v[name][j] = beta2 * v[name][j]! + (1 - beta2) * g * g;
        const [corrected, root] = [m[name][j] / (1 - beta1 ** (i + 1)), Math.sqrt(v[name][j] / (1 - beta2 ** (i + 1)))];
        theta[name][j]! -= (rate * corrected) / (root + epsilon);
      }
    }
  }
  return theta;
}

async function run(begin: Arrays, gradients: readonly Arrays[], rate: number, options: AdamWOptions): Promise<Arrays> {
  const graph = new Graph('optimiser');
  const weights = names.map((name) => graph.input(name, 'float32', shapes[name]));
  const slopes = names.map((name) => graph.input(`slope.${name}`, 'float32', shapes[name]));
  appendAdamW(graph, weights, slopes, options);
  const session = await createSession({ bytes: exportGraph(graph).bytes, threads: 1 });
  let state = Object.fromEntries(
    names.flatMap((name) => [
      [name, float32(shapes[name], Float32Array.from(begin[name]))],
      [`first.${name}`, float32(shapes[name])],
      [`second.${name}`, float32(shapes[name])],
    ]),
  );
  for (const [i, step] of gradients.entries()) {
    const given = names.map((name) => [`slope.${name}`, float32(shapes[name], Float32Array.from(step[name]))] as const);
    const scalars = Object.entries(stepScalars(i + 1, rate, options)).map(([name, x]) => [name, float32([1], Float32Array.of(x))] as const);
    const outputs = await session.run({ ...state, ...Object.fromEntries([...given, ...scalars]) });
    expect(floats(outputs['gradient_norm']!)[0]).toBeCloseTo(Math.hypot(...step.matrix, ...step.vector), 4);
    state = Object.fromEntries(Object.keys(state).map((name) => [name, outputs[`next.${name}`] as (typeof state)[string]]));
  }
  await session.release();
  return { matrix: Float64Array.from(state['matrix']!.data), vector: Float64Array.from(state['vector']!.data) };
}

describe('AdamW in the graph', () => {
  const plain: AdamWOptions = { betas: [0.9, 0.99], epsilon: 1e-8, weightDecay: 0.1, decayVectors: false, clipNorm: undefined };

  it.each<[string, AdamWOptions, number]>([
    ['plain', plain, 1],
    ['every tensor decays', { ...plain, decayVectors: true }, 1],
    ['without decay', { ...plain, weightDecay: 0 }, 1],
    ['clipped', { ...plain, clipNorm: 0.5 }, 1],
    ['gradients as small as epsilon', { ...plain, epsilon: 1e-4 }, 1e-4], // shows on which side of the root it is added
  ])('takes the steps of torch: %s', async (_, options, scale) => {
    const random = new Random(2);
    const begin = drawn(random, 1);
    const gradients = Array.from({ length: 6 }, () => drawn(random, scale));
    const [wanted, found] = [reference(begin, gradients, 0.05, options), await run(begin, gradients, 0.05, options)];
    for (const name of names) {
      expect(found[name]).not.toEqual(begin[name]);
      for (const [j, value] of wanted[name].entries()) expect(found[name][j]).toBeCloseTo(value, 5);
    }
  });
});
