import { WeightError, type Graph, type Learning, type Tensor, type WeightSource } from '@likeness/graph';
import { Random } from '../random.ts';
import { initialValues } from './initial-values.ts';

type Values = Float32Array<ArrayBuffer>;

/**
 * Weights that exist because the model asks for them: reading a key declares it. Its first values are those of the source it was told to
 * start from, else drawn by rule from seed, key and shape, in whatever order the model is built. What is not frozen is learned: it
 * enters the graph as an input (`learning`).
 *
 * Several networks share one graph by their paths: `Scope.root(graph, parameters, 'unet')` with `start(checkpoint, 'unet')`.
 */
export class Parameters implements WeightSource {
  readonly name = 'the parameters';
  readonly fingerprint: string;
  /** Any key can be asked for. */
  readonly keys = undefined;
  readonly learning: Learning;
  /** What is learned, by key, in the order in which it was asked for: inputs of the graph. */
  readonly inputs = new Map<string, Tensor>();
  /** Of those, what follows the data and not a gradient: the value after the step. */
  readonly updates = new Map<string, Tensor>();
  readonly #seed: number;
  readonly #starts: { readonly prefix: string; readonly source: WeightSource }[] = [];
  readonly #frozen: RegExp[] = [];
  readonly #zero: RegExp[] = [];
  /** Shapes of what was read as it stands. */
  readonly #constants = new Map<string, readonly number[]>();

  constructor(seed: number) {
    this.#seed = seed;
    this.fingerprint = `parameters of seed ${seed}`;
    this.learning = {
      has: (key) => !this.#frozen.some((pattern) => pattern.test(key)),
      input: (graph, key, shape) => this.#input(graph, key, shape),
      update: (key, next) => this.updates.set(key, next),
    };
  }

  /** Takes the first values of the keys below `path` from a source, where it has them; an earlier source goes before a later one. */
  start(source: WeightSource, path = ''): this {
    this.#starts.push({ prefix: path === '' ? '' : `${path}.`, source });
    return this;
  }

  /** Keys that match stay as they are. To be said before the model is built. */
  freeze(pattern: RegExp): this {
    this.#frozen.push(pattern);
    return this;
  }

  /** Keys that match start at zero where no source has them: the last layer of a residual branch, say. */
  zero(pattern: RegExp): this {
    this.#zero.push(pattern);
    return this;
  }

  has(): boolean {
    return true;
  }

  shape(key: string): readonly number[] | undefined {
    const start = this.#start(key);
    return start?.source.shape(start.key);
  }

  place(): undefined {
    return undefined;
  }

  read(key: string, shape: readonly number[]): Values {
    this.#constants.set(key, shape);
    return this.#first(key, shape);
  }

  /** What is learned by its gradient. */
  withGradient(): Tensor[] {
    return [...this.inputs.values()].filter(({ name }) => !this.updates.has(name));
  }

  /** The first values of everything that is learned. */
  initial(): Map<string, Values> {
    return new Map([...this.inputs].map(([key, { dims }]) => [key, this.#first(key, dims)]));
  }

  /** Everything the model has read, what is learned with the values given: a source that can be saved, or built with again. */
  with(values: ReadonlyMap<string, Values>): WeightSource {
    const shapes = new Map<string, readonly number[]>(this.#constants);
    for (const [key, { dims }] of this.inputs) shapes.set(key, dims);
    return {
      name: 'trained parameters',
      fingerprint: `${this.fingerprint} trained`,
      keys: [...shapes.keys()],
      has: (key) => shapes.has(key),
      shape: (key) => shapes.get(key),
      place: () => undefined,
      read: (key) => {
        const shape = shapes.get(key);
        if (!shape) throw new WeightError('weight_missing', `The trained parameters have no tensor "${key}".`);
        return values.get(key) ?? this.#first(key, shape);
      },
    };
  }

  /** A key that is asked for twice is one parameter of two places. */
  #input(graph: Graph, key: string, shape: readonly number[]): Tensor {
    const input = this.inputs.get(key) ?? graph.input(key, 'float32', shape);
    this.inputs.set(key, input);
    return input;
  }

  #start(key: string): { source: WeightSource; key: string } | undefined {
    for (const { prefix, source } of this.#starts) {
      const rest = key.slice(prefix.length);
      if (key.startsWith(prefix) && source.has(rest)) return { source, key: rest };
    }
    return undefined;
  }

  #first(key: string, shape: readonly number[]): Values {
    const start = this.#start(key);
    if (start) return start.source.read(start.key, shape);
    if (this.#zero.some((pattern) => pattern.test(key))) return new Float32Array(shape.reduce((n, d) => n * d, 1));
    const weight = key.replace(/bias$/, 'weight');
    const weightShape = this.inputs.get(weight)?.dims ?? this.#constants.get(weight);
    return initialValues(key, shape, weightShape, new Random(this.#seed, 'parameter', key));
  }
}
