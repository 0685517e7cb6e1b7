import { differentiate } from '../gradients/differentiate.ts';
import { exportGraph, Graph, hashWeights, op, type Learning, type Tensor, type WeightSource } from '@likeness/graph';
import { createSession, elementCount, float32, type Feeds } from '@likeness/inference';

/** Numbers that look random and are the same every time: uniform in −1…1, by a linear congruence. */
export function uniform(count: number, seed: number): Float32Array {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 23 - 1;
  });
}

export interface GradientCheck {
  /** Inputs whose gradients are checked: shape, and where their values lie (−1…1 unless given). */
  readonly variables: Readonly<Record<string, { readonly dims: readonly number[]; readonly value?: (u: number, i: number) => number }>>;
  /** Other inputs. */
  readonly given?: Feeds;
  /** From the variables, in order, and the other inputs to any number of results. */
  readonly build: (graph: Graph, variables: Tensor[], given: Tensor[]) => Tensor | readonly Tensor[];
  /** Length of the step along a random direction. */
  readonly step?: number;
}

/**
 * Compares gradients with differences: a weighted sum of all results is followed along a random direction of each variable in turn,
 * and must rise as the gradient says. Returns the error of each variable relative to the gradient's length. The sums are taken in double
 * precision, so that what remains is the rounding of the results themselves.
 */
export async function gradientErrors({ variables, given = {}, build, step = 1e-2 }: GradientCheck): Promise<Record<string, number>> {
  const graph = new Graph('check');
  const inputs = Object.entries(variables).map(([name, { dims }]) => graph.input(name, 'float32', dims));
  const others = Object.entries(given).map(([name, { dtype, dims }]) => graph.input(name, dtype, dims));
  const results = [build(graph, inputs, others)].flat<readonly (Tensor | readonly Tensor[])[]>();
  const values = Object.values(variables).map(({ dims, value }, i) => {
    const drawn = uniform(elementCount(dims), i);
    return value ? drawn.map(value) : drawn;
  });
  return followed({ graph, results, inputs, values, given, step });
}

/**
 * The same for all weights of a network, which it reads from `source`: they become inputs, with values by the hash rule. Weights whose
 * gradient is small beside that of the others are measured by a tenth of these.
 */
export async function weightErrors(
  build: (graph: Graph, source: WeightSource) => readonly Tensor[],
  given: Feeds,
  step: number,
): Promise<Record<string, number>> {
  const graph = new Graph('check');
  const inputs: Tensor[] = [];
  const hashed = hashWeights(1, { prelu: ['prelu'] });
  const learning: Learning = {
    has: () => true,
    input(_, key, shape) {
      inputs.push(graph.input(key, 'float32', shape));
      return inputs.at(-1)!;
    },
    update: (key) =>
      inputs.splice(
        inputs.findIndex(({ name }) => name === key),
        1,
      ),
  };
  const results = build(graph, { ...hashed, learning });
  const values = inputs.map(({ name, dims }) => hashed.read(name, dims));
  const running = graph.inputs.filter((input) => !inputs.includes(input) && !(input.name in given));
  const fixed = Object.fromEntries(running.map(({ name, dims }) => [name, float32(dims)]));
  return followed({ graph, results, inputs, values, given: { ...given, ...fixed }, step, least: 0.1 });
}

interface Followed {
  readonly graph: Graph;
  readonly results: readonly Tensor[];
  readonly inputs: readonly Tensor[];
  readonly values: readonly Float32Array[];
  readonly given: Feeds;
  readonly step: number;
  /** Share of the mean gradient below which none is measured by its own length. */
  readonly least?: number;
}

async function followed({ graph, results, inputs, values, given, step, least = 0 }: Followed): Promise<Record<string, number>> {
  const weights = results.map(({ dims }, i) => uniform(elementCount(dims), 1000 + i));
  const terms = results.map((result, i) => {
    const weight = graph.constant({
      name: `r${i}`,
      dtype: 'float32',
      dims: result.dims,
      recipe: 'random',
      bytes: () => new Uint8Array(weights[i]!.buffer),
    });
    return op.reduceSum(op.mul(result, weight));
  });
  const gradients = differentiate(graph, terms.reduce((sum, term) => op.add(sum, term)), inputs); // prettier-ignore
  for (const [i, result] of results.entries()) graph.output(`result.${i}`, result);
  for (const [i, gradient] of gradients.entries()) graph.output(`gradient.${i}`, gradient);

  const session = await createSession({ bytes: exportGraph(graph).bytes, name: 'gradient check' });
  const run = async (changed: readonly Float32Array[]) => {
    const feeds = Object.fromEntries(inputs.map(({ name, dims }, i) => [name, float32(dims, changed[i])]));
    return session.run({ ...given, ...feeds });
  };
  const weighted = async (changed: readonly Float32Array[]) => {
    const found = await run(changed);
    return weights.reduce((sum, weight, i) => sum + dot(weight, found[`result.${i}`]!.data as Float32Array), 0);
  };
  try {
    const found = await run(values);
    const errors: Record<string, number> = {};
    const lengths = inputs.map((_, i) => length(found[`gradient.${i}`]!.data as Float32Array));
    const mean = lengths.reduce((sum, each) => sum + each, 0) / lengths.length;
    for (const [i, { name }] of inputs.entries()) {
      const gradient = found[`gradient.${i}`]!.data as Float32Array;
      const direction = uniform(gradient.length, 500 + i);
      const moved = (by: number) => values.with(i, values[i]!.map((v, j) => v + by * direction[j]!)); // prettier-ignore
      const slope = async (by: number) => ((await weighted(moved(by))) - (await weighted(moved(-by)))) / (2 * by);
      const rise = (4 * (await slope(step / 2)) - (await slope(step))) / 3; // Richardson: the error of second order falls out
      // A random direction sees about this much of a gradient; a single component may be near zero by chance.
      const scale = Math.max(lengths[i]!, least * mean) / Math.sqrt(3);
      errors[name] = Math.abs(rise - dot(gradient, direction)) / (scale || 1);
    }
    return errors;
  } finally {
    await session.release();
  }
}

const length = (a: Float32Array): number => Math.sqrt(dot(a, a));
const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
