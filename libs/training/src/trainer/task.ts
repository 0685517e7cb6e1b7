import type { Graph, Tensor, WeightSource } from '@likeness/graph';
import type { Parameters } from '../parameters/parameters.ts';
import type { Random } from '../random.ts';

export type BatchArray = Float32Array | Int32Array | BigInt64Array | Uint8Array;
/** One array for each input that the task declared, by its name; flags of a bool input as 0 and 1. */
export type Batch = Readonly<Record<string, BatchArray>>;

/** What a recipe must supply. Everything else (optimiser, average, clipping, checkpoints, curve, resuming) is the trainer's. */
export interface Task {
  /**
   * Builds the forward pass and the loss in `graph`, reading weights through `parameters`; what comes with each batch is declared with
   * `graph.input`. `loss` is float32, [] or [1]; so are the metrics, which are logged.
   */
  build(graph: Graph, parameters: Parameters): { readonly loss: Tensor; readonly metrics?: Readonly<Record<string, Tensor>> };

  /**
   * The arrays of a step, counted from 1: a pure function of the step and of `random`, which follows from seed and step, so that a
   * resumed run sees the same data. The next batch is asked for before the step runs, so its reading overlaps with the step; its computing
   * does not, as the runtime holds the thread: keep that small, prepare it in files beforehand.
   */
  batch(step: number, random: Random): Promise<Batch>;

  /** A held-out measurement, every `evaluateEvery` steps and at the end, with the averaged weights (the current ones without average). */
  evaluate?(weights: WeightSource, step: number): Promise<Readonly<Record<string, number>>>;
}
