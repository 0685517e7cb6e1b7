import type { Graph } from '../graph.ts';
import type { Tensor } from '../tensor.ts';

/** Bytes of a file that hold a tensor exactly as a graph wants it: little-endian float32, row-major, aligned. */
export interface Place {
  /** Absolute path. */
  readonly file: string;
  readonly offset: number;
  readonly byteLength: number;
}

/**
 * How weights that are being learned enter a graph: as its inputs, so that one graph serves every step of a training. Layers need to
 * know nothing of it, but for those that compute with weights while the graph is written (`Scope.learns`) and those whose weights
 * follow the data (`Scope.update`).
 */
export interface Learning {
  /** Whether a key is learned; the others are constants of the graph. */
  has(key: string): boolean;
  /** The graph's input that holds the key's value. */
  input(graph: Graph, key: string, shape: readonly number[]): Tensor;
  /** Says what the key holds after the step: it follows the data (running statistics), not a gradient. */
  update(key: string, next: Tensor): void;
}

/** Where a graph's weights come from: a checkpoint file, a rule, or other sources seen through a name change. */
export interface WeightSource {
  /** What messages call it. */
  readonly name: string;
  /** Changes when the values may have changed; caches of converted weights are keyed by it. */
  readonly fingerprint: string;
  /** Every key, where the source is finite; undefined where any key can be made up. */
  readonly keys: readonly string[] | undefined;
  has(key: string): boolean;
  /** The shape of a key; undefined where it is missing or where any shape fits. */
  shape(key: string): readonly number[] | undefined;
  /** Values as float32, row-major. Throws `weight_missing` and `weight_shape`. */
  read(key: string, shape: readonly number[]): Float32Array<ArrayBuffer>;
  /** Where the values lie in a file, when those bytes can be used as they are. */
  place(key: string): Place | undefined;
  /** Absent where nothing is learned. */
  readonly learning?: Learning | undefined;
}
