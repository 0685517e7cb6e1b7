/** One step of a training as a session: forward pass, gradients and optimiser are one graph; its state lies in two sets of arrays. */
import { exportGraph, Graph } from '@likeness/graph';
import { createSession, float32, floats, type Session, type Tensor, type TensorOf } from '@likeness/inference';
import { differentiate } from '../gradients/differentiate.ts';
import { appendAdamW, firstMoment, next, secondMoment, stepScalars, type AdamWOptions } from '../optimiser/adamw.ts';
import { Parameters } from '../parameters/parameters.ts';
import type { Batch, BatchArray, Task } from './task.ts';

type Floats = TensorOf<'float32'>;

export interface StepOptions {
  readonly seed: number;
  readonly optimiser: AdamWOptions;
  readonly threads: number | undefined;
}

export interface Measured {
  readonly loss: number;
  /** Those of the task, and `gradient_norm`. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** Prefix of the task's metrics among the outputs. */
const metric = 'metric.';

/**
 * The state is the weights and, for those that have a gradient, two moments each, by the names of their inputs. A run reads the one set
 * of arrays and writes the other, then they change places: nothing is allocated for it, and a step that failed has not touched it.
 */
export class TrainingStep {
  readonly parameters: Parameters;
  readonly graph: Graph;
  readonly #session: Session;
  readonly #optimiser: AdamWOptions;
  #state: Map<string, Floats>;
  #spare: Map<string, Floats>;

  private constructor(parameters: Parameters, graph: Graph, session: Session, optimiser: AdamWOptions) {
    this.parameters = parameters;
    this.graph = graph;
    this.#session = session;
    this.#optimiser = optimiser;
    this.#state = initialState(parameters);
    this.#spare = new Map([...this.#state].map(([name, { dims }]) => [name, float32(dims)]));
  }

  static async create(task: Task, { seed, optimiser, threads }: StepOptions): Promise<TrainingStep> {
    const graph = new Graph('training-step');
    const parameters = new Parameters(seed);
    const { loss, metrics = {} } = task.build(graph, parameters);

    const weights = parameters.withGradient();
    const gradients = differentiate(graph, loss, weights);
    graph.output('loss', loss);
    for (const [name, value] of Object.entries(metrics)) graph.output(metric + name, value);
    for (const [key, value] of parameters.updates) graph.output(next(key), value);
    appendAdamW(graph, weights, gradients, optimiser);

    const { bytes } = exportGraph(graph);
    const session = await createSession({ bytes, name: graph.name, ...(threads === undefined ? {} : { threads }) });
    return new TrainingStep(parameters, graph, session, optimiser);
  }

  /** Runs a step, counted from 1. @throws InferenceError `invalid_argument` when the batch does not fit the task's inputs */
  async run(step: number, learningRate: number, batch: Batch): Promise<Measured> {
    const scalars = Object.entries(stepScalars(step, learningRate, this.#optimiser));
    const feeds = Object.fromEntries<Tensor>([
      ...this.#state,
      ...scalars.map(([name, value]) => [name, float32([1], Float32Array.of(value))] as const),
      ...Object.entries(batch).map(([name, data]) => [name, this.#batchTensor(name, data)] as const),
    ]);
    const into = Object.fromEntries([...this.#spare].map(([name, tensor]) => [next(name), tensor]));
    const outputs = await this.#session.run(feeds, into);
    [this.#state, this.#spare] = [this.#spare, this.#state];

    const scalar = (name: string) => floats(outputs[name]!, name)[0]!;
    const named = Object.keys(outputs).filter((name) => name.startsWith(metric));
    const metrics = Object.fromEntries(named.map((name) => [name.slice(metric.length), scalar(name)]));
    return { loss: scalar('loss'), metrics: { ...metrics, gradient_norm: scalar('gradient_norm') } };
  }

  /** What is learned, by key: the arrays of the state itself, valid until the next run. */
  weights(): Map<string, Float32Array<ArrayBuffer>> {
    return new Map([...this.parameters.inputs.keys()].map((key) => [key, this.#state.get(key)!.data as Float32Array<ArrayBuffer>]));
  }

  /** All that a step reads and writes, by name: the arrays themselves, valid until the next run. */
  state(): ReadonlyMap<string, Floats> {
    return this.#state;
  }

  release(): Promise<void> {
    return this.#session.release();
  }

  /** The session knows element type and shape, and refuses what does not fit. */
  #batchTensor(name: string, data: BatchArray): Tensor {
    const port = this.#session.inputs.find((input) => input.name === name);
    return { dtype: port?.dtype ?? 'float32', dims: port?.dims ?? [data.length], data } as Tensor;
  }
}

function initialState(parameters: Parameters): Map<string, Floats> {
  const state = new Map<string, Floats>();
  for (const [key, values] of parameters.initial()) state.set(key, float32(parameters.inputs.get(key)!.dims, values));
  for (const { name, dims } of parameters.withGradient()) {
    state.set(firstMoment(name), float32(dims));
    state.set(secondMoment(name), float32(dims));
  }
  return state;
}
