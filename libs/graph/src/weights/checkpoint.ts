import { elementCount, itemSizes, toFloat32, typedView, type StoredType } from './dtypes.ts';
import { WeightError } from './errors.ts';
import type { OpenFile } from './file-bytes.ts';
import type { Place, WeightSource } from './source.ts';

/** A tensor inside a file: elements at `offset + Σ index·stride` items, starting at byte `start` of the file. */
export interface StoredTensor {
  readonly type: StoredType;
  readonly shape: readonly number[];
  /** In elements, per dimension. */
  readonly strides: readonly number[];
  /** Byte in the file of the first element. */
  readonly start: number;
}

export const contiguousStrides = (shape: readonly number[]): number[] => shape.map((_, i) => elementCount(shape.slice(i + 1)));

/** A checkpoint file that has been checked from end to end: its tensors by key, their values still in the file. */
export class Checkpoint implements WeightSource {
  readonly name: string;
  readonly fingerprint: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly #file: OpenFile;

  constructor(file: OpenFile, tensors: ReadonlyMap<string, StoredTensor>) {
    this.name = file.path;
    this.fingerprint = file.fingerprint;
    this.tensors = tensors;
    this.#file = file;
  }

  get keys(): readonly string[] {
    return [...this.tensors.keys()];
  }

  has(key: string): boolean {
    return this.tensors.has(key);
  }

  shape(key: string): readonly number[] | undefined {
    return this.tensors.get(key)?.shape;
  }

  read(key: string, shape?: readonly number[]): Float32Array<ArrayBuffer> {
    const tensor = this.#tensor(key);
    if (shape) assertShape(this.name, key, shape, tensor.shape);
    return toFloat32(tensor.type, this.#elements(key, tensor));
  }

  /** Values in the file's own type; float16 and bfloat16 as bit patterns, booleans as 0 and 1. */
  readStored(key: string): ReturnType<typeof typedView> {
    const tensor = this.#tensor(key);
    return typedView(tensor.type, this.#elements(key, tensor));
  }

  place(key: string): Place | undefined {
    const tensor = this.tensors.get(key);
    if (!tensor || tensor.type !== 'F32' || tensor.start % 4 !== 0 || !isContiguous(tensor)) return undefined;
    return { file: this.name, offset: tensor.start, byteLength: elementCount(tensor.shape) * 4 };
  }

  close(): void {
    this.#file.close();
  }

  #tensor(key: string): StoredTensor {
    const tensor = this.tensors.get(key);
    if (!tensor) throw new WeightError('weight_missing', `${this.name} has no tensor "${key}".`);
    return tensor;
  }

  /** The tensor's elements row-major, whatever its strides. */
  #elements(key: string, tensor: StoredTensor): Uint8Array<ArrayBuffer> {
    const { shape, strides } = tensor;
    const size = itemSizes[tensor.type];
    const count = elementCount(shape);
    if (isContiguous(tensor)) return this.#file.bytes(tensor.start, count * size, key);
    const span = shape.reduce((last, d, i) => last + (d - 1) * strides[i]!, 0) + 1;
    const stored = this.#file.bytes(tensor.start, span * size, key);
    const dense = new Uint8Array(count * size);
    const index = shape.map(() => 0);
    for (let i = 0, at = 0; i < count; i++) {
      for (let b = 0; b < size; b++) dense[i * size + b] = stored[at * size + b]!;
      for (let d = shape.length - 1; d >= 0; d--) {
        at += strides[d]!;
        if (++index[d]! < shape[d]!) break;
        at -= shape[d]! * strides[d]!;
        index[d] = 0;
      }
    }
    return dense;
  }
}

export function assertShape(source: string, key: string, wanted: readonly number[], found: readonly number[]): void {
  if (wanted.length !== found.length || wanted.some((d, i) => d !== found[i])) {
    throw new WeightError('weight_shape', `${source}: "${key}" is [${found.join(', ')}], the graph needs [${wanted.join(', ')}].`);
  }
}

/** Dimensions of size 1 may have any stride, and an empty tensor has no element to misplace. */
function isContiguous({ shape, strides }: StoredTensor): boolean {
  const dense = contiguousStrides(shape);
  return elementCount(shape) === 0 || shape.every((d, i) => d === 1 || strides[i] === dense[i]);
}
