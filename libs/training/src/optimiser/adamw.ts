/** AdamW (Loshchilov and Hutter, as torch.optim.AdamW computes it) and clipping by the global norm, as nodes of the graph. */
import { op, type Graph, type Tensor } from '@likeness/graph';

export interface AdamWOptions {
  readonly betas: readonly [number, number];
  /** Added to the root of the second moment. */
  readonly epsilon: number;
  /** Decoupled from the gradient, times the learning rate. */
  readonly weightDecay: number;
  /** Biases and norms, tensors of one dimension, do not decay unless this says so. */
  readonly decayVectors: boolean;
  /** Gradients of a larger norm, over all parameters together, are scaled down to it. */
  readonly clipNorm: number | undefined;
}

/** The numbers of one step, inputs [1] of the graph. */
const scalars = ['adamw.rate', 'adamw.epsilon', 'adamw.decay'] as const;
export type StepScalars = Readonly<Record<(typeof scalars)[number], number>>;

/**
 * What the graph's scalar inputs hold in a step, counted from 1. The bias corrections m/(1 − β₁ᵗ) and v/(1 − β₂ᵗ) are drawn out of the
 * quotient, so that no node has to divide a tensor by them.
 */
export function stepScalars(
  step: number,
  learningRate: number,
  { betas: [beta1, beta2], epsilon, weightDecay }: AdamWOptions,
): StepScalars {
  const root = Math.sqrt(1 - beta2 ** step);
  return {
    'adamw.rate': (learningRate * root) / (1 - beta1 ** step),
    'adamw.epsilon': epsilon * root,
    'adamw.decay': 1 - learningRate * weightDecay,
  };
}

/** Names of a parameter's moments among the inputs; an output is called `next.` and the name of its input. */
export const firstMoment = (key: string): string => `first.${key}`;
export const secondMoment = (key: string): string => `second.${key}`;
export const next = (name: string): string => `next.${name}`;

/**
 * Appends a step: for each weight W with gradient G the inputs `first.W`, `second.W` and the outputs `next.W`, `next.first.W`,
 * `next.second.W`; also the three scalars and, as an output, `gradient_norm` (before clipping).
 */
export function appendAdamW(graph: Graph, weights: readonly Tensor[], gradients: readonly Tensor[], options: AdamWOptions): void {
  const [rate, epsilon, decay] = scalars.map((name) => graph.input(name, 'float32', [1])) as [Tensor, Tensor, Tensor];
  const [beta1, beta2] = options.betas;
  const norm = globalNorm(graph, gradients);
  graph.output('gradient_norm', norm);

  const clip = options.clipNorm === undefined ? 1 : clipFactor(norm, options.clipNorm);
  const share = (factor: number) => (typeof clip === 'number' ? clip * factor : op.mul(clip, factor));
  const [share1, share2] = [share(1 - beta1), share(Math.sqrt(1 - beta2))];

  for (const [i, weight] of weights.entries()) {
    const { name, dims } = weight;
    const moment = (of: string) => graph.input(of, 'float32', dims);
    const inputs = [weight, moment(firstMoment(name)), moment(secondMoment(name)), gradients[i]!];
    const [w, m, v, gradient] = inputs.map(flat) as [Tensor, Tensor, Tensor, Tensor];
    const left = (of: string, value: Tensor) => flat(graph.output(next(of), op.reshape(value, dims)));
    const scaled = op.mul(gradient, share2);
    const first = left(firstMoment(name), op.add(op.mul(m, beta1), op.mul(gradient, share1))); // β₁·m + (1 − β₁)·g
    const second = left(secondMoment(name), op.add(op.mul(v, beta2), op.mul(scaled, scaled))); // β₂·v + (1 − β₂)·g²
    const change = op.mul(op.div(first, op.add(op.sqrt(second), epsilon)), rate);
    const decayed = options.weightDecay > 0 && (dims.length > 1 || options.decayVectors) ? op.mul(w, decay) : w;
    left(name, op.sub(decayed, change));
  }
}

/**
 * Where the last dimension is 1, the runtime goes through a tensor element by element to meet it with a scalar (14 ns each): it is taken
 * as a list instead. So is one without dimensions, which would take over those of the scalar.
 */
const flat = (x: Tensor): Tensor => ((x.dims.at(-1) ?? 1) === 1 ? op.reshape(x, [-1]) : x);

/** √Σg² over all elements of all tensors: [1]. */
function globalNorm(graph: Graph, gradients: readonly Tensor[]): Tensor {
  const squares = gradients.map((g) => graph.node('ReduceSumSquare', [g], { dtype: 'float32', dims: [] }, { keepdims: 0 }));
  return op.sqrt(op.reshape(graph.node('Sum', squares, { dtype: 'float32', dims: [] }), [1]));
}

/** min(1, limit / (norm + 10⁻⁶)), as torch's clip_grad_norm_: [1]. */
function clipFactor(norm: Tensor, limit: number): Tensor {
  const { graph } = norm;
  return op.min(op.div(graph.floats([limit], [1]), op.add(norm, 1e-6)), 1);
}
