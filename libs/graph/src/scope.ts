import { bytesOf, type Graph } from './graph.ts';
import { split } from './ops/layout.ts';
import type { Tensor } from './tensor.ts';
import { assertShape } from './weights/checkpoint.ts';
import { elementCount } from './weights/dtypes.ts';
import { WeightError } from './weights/errors.ts';
import type { WeightSource } from './weights/source.ts';

/**
 * A place in a model whose path is the prefix of the checkpoint keys below it: `scope.at('down_blocks', 0).weight('conv.weight', …)`
 * reads `down_blocks.0.conv.weight`. Every key is read at most once, so a wrong path shows as a missing key or as an unread one.
 */
export class Scope {
  readonly graph: Graph;
  readonly source: WeightSource;
  readonly path: string;
  readonly #read: Set<string>;

  private constructor(graph: Graph, source: WeightSource, path: string, read: Set<string>) {
    this.graph = graph;
    this.source = source;
    this.path = path;
    this.#read = read;
  }

  static root(graph: Graph, source: WeightSource, path = ''): Scope {
    graph.sources.add(source.fingerprint);
    return new Scope(graph, source, path, new Set());
  }

  at(...parts: readonly (string | number)[]): Scope {
    return new Scope(this.graph, this.source, this.key(parts.join('.')), this.#read);
  }

  /** The path seen from a place above. */
  below({ path }: Scope): string {
    return path === '' ? this.path : this.path.slice(path.length + 1);
  }

  key(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }

  /** The tensor stored under `name`, as float32: a constant, or an input where it is being learned. Throws `weight_missing`, `weight_shape`, `weight_read_twice`. */
  weight(name: string, dims: readonly number[]): Tensor {
    const key = this.claim(name, dims);
    const { source } = this;
    if (source.learning?.has(key)) return source.learning.input(this.graph, key, dims);
    return this.graph.constant({
      name: key,
      dtype: 'float32',
      dims,
      recipe: key,
      place: source.place(key),
      bytes: () => bytesOf(source.read(key, dims)),
    });
  }

  /** A stored tensor in equal parts along axis 0, each a constant of its own: two products instead of one product and two copies. */
  parts(name: string, dims: readonly number[], count: number): Tensor[] {
    const key = this.claim(name, dims);
    const { source } = this;
    if (source.learning?.has(key)) return split(source.learning.input(this.graph, key, dims), count, 0);
    const place = source.place(key);
    const rows = dims[0]! / count;
    const size = elementCount(dims) / count;
    return Array.from({ length: count }, (_, i) => {
      const part = `${key}[${i * rows}:${(i + 1) * rows}]`;
      return this.graph.constant({
        name: part,
        dtype: 'float32',
        dims: [rows, ...dims.slice(1)],
        recipe: part,
        place: place && { file: place.file, offset: place.offset + i * size * 4, byteLength: size * 4 },
        bytes: () => bytesOf(source.read(key, dims).subarray(i * size, (i + 1) * size)),
      });
    });
  }

  /** A tensor computed from stored ones; `recipe` names how, the keys of `compute` must have been claimed. */
  derived(name: string, dims: readonly number[], recipe: string, compute: () => Float32Array): Tensor {
    return this.graph.constant({ name: this.key(name), dtype: 'float32', dims, recipe, bytes: () => bytesOf(compute()) });
  }

  /** Whether the tensor under `name` is being learned: then `weight` gives an input of the graph, and its numbers are not known here. */
  learns(name: string): boolean {
    return this.source.learning?.has(this.key(name)) ?? false;
  }

  /** For a tensor that is being learned and follows the data: what it holds after the step. */
  update(name: string, next: Tensor): void {
    this.source.learning?.update(this.key(name), next);
  }

  /** Marks a key as read, after checking that it is there with this shape; returns the key. */
  claim(name: string, dims: readonly number[]): string {
    const key = this.key(name);
    if (this.#read.has(key)) throw new WeightError('weight_read_twice', `"${key}" is read twice.`);
    if (!this.source.has(key)) throw new WeightError('weight_missing', `${this.source.name} has no tensor "${key}".`);
    const shape = this.source.shape(key);
    if (shape) assertShape(this.source.name, key, dims, shape);
    this.#read.add(key);
    return key;
  }

  /** Throws `weight_unused` when the source has keys below this path that nothing read and no pattern excuses. */
  assertAllRead(ignored: readonly RegExp[] = []): void {
    const prefix = this.path === '' ? '' : `${this.path}.`;
    const unread = (this.source.keys ?? []).filter(
      (key) => key.startsWith(prefix) && !this.#read.has(key) && !ignored.some((pattern) => pattern.test(key.slice(prefix.length))),
    );
    if (unread.length === 0) return;
    const shown = unread
      .slice(0, 8)
      .map((key) => `"${key}"`)
      .join(', ');
    throw new WeightError(
      'weight_unused',
      `${this.source.name}: ${unread.length} tensors have no place in the graph: ${shown}${unread.length > 8 ? ', …' : ''}.`,
    );
  }
}
