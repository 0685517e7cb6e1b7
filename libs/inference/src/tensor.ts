import { InferenceError } from './errors.ts';

/** Element types that cross the session boundary. float16 travels as its bit patterns; bool as 0 and 1. */
interface Arrays {
  float32: Float32Array;
  float64: Float64Array;
  float16: Uint16Array;
  int64: BigInt64Array;
  int32: Int32Array;
  uint8: Uint8Array;
  int8: Int8Array;
  bool: Uint8Array;
}
export type DType = keyof Arrays;
export type TensorData<D extends DType = DType> = Arrays[D];

/** A dense array: `data` is row-major and holds exactly the product of `dims` elements. */
export type Tensor = { [D in DType]: { readonly dtype: D; readonly dims: readonly number[]; readonly data: Arrays[D] } }[DType];
export type TensorOf<D extends DType> = Extract<Tensor, { dtype: D }>;

/** Number of elements of a shape; 1 for a scalar's `[]`. */
export const elementCount = (dims: readonly number[]): number => dims.reduce((n, d) => n * d, 1);

/** A float32 tensor over `data`; without it, zeros. Throws `invalid_argument` when the lengths disagree. */
export function float32(dims: readonly number[], data: Float32Array = new Float32Array(elementCount(dims))): TensorOf<'float32'> {
  return checked({ dtype: 'float32', dims, data });
}

/** An int64 tensor from whole numbers. */
export function int64(dims: readonly number[], values: Iterable<number>): TensorOf<'int64'> {
  return checked({ dtype: 'int64', dims, data: BigInt64Array.from(values, BigInt) });
}

/** A bool tensor from truth values. */
export function bool(dims: readonly number[], values: Iterable<boolean>): TensorOf<'bool'> {
  return checked({ dtype: 'bool', dims, data: Uint8Array.from(values, Number) });
}

/** The elements of a tensor that must be float32. */
export function floats(tensor: Tensor, name = 'tensor'): Float32Array {
  if (tensor.dtype !== 'float32') throw new InferenceError('invalid_argument', `${name} must be float32, got ${tensor.dtype}.`);
  return tensor.data;
}

function checked<T extends Tensor>(tensor: T): T {
  const expected = elementCount(tensor.dims);
  if (tensor.data.length !== expected) {
    const message = `A tensor of shape [${tensor.dims.join(', ')}] holds ${expected} elements, got ${tensor.data.length}.`;
    throw new InferenceError('invalid_argument', message, { dims: tensor.dims, elements: tensor.data.length });
  }
  return tensor;
}
