import { axisOf, type Tensor } from '../tensor.ts';
import { windowed } from './products.ts';

/** Sum over some axes, all unless given; they are dropped, or kept with size 1. */
export const reduceSum = (x: Tensor, axes?: readonly number[], keepDims = false): Tensor => reduce('ReduceSum', x, axes, keepDims);
export const reduceMean = (x: Tensor, axes?: readonly number[], keepDims = false): Tensor => reduce('ReduceMean', x, axes, keepDims);
export const reduceMax = (x: Tensor, axes?: readonly number[], keepDims = false): Tensor => reduce('ReduceMax', x, axes, keepDims);
/** Square root of the sum of squares. */
export const reduceL2 = (x: Tensor, axes?: readonly number[], keepDims = false): Tensor => reduce('ReduceL2', x, axes, keepDims);

function reduce(name: string, x: Tensor, axes: readonly number[] = x.dims.map((_, i) => i), keepDims: boolean): Tensor {
  const reduced = axes.map((axis) => axisOf(axis, x.dims.length));
  const dims = x.dims.flatMap((d, i) => (reduced.includes(i) ? (keepDims ? [1] : []) : [d]));
  if (reduced.length === 0) return x;
  return x.graph.node(name, [x, x.graph.ints(reduced)], { dtype: x.dtype, dims }, { keepdims: keepDims ? 1 : 0 });
}

/** Index of the largest element, the first of equals; the axis is dropped. */
export function argMax(x: Tensor, axis: number): Tensor {
  const at = axisOf(axis, x.dims.length);
  return x.graph.node('ArgMax', [x], { dtype: 'int64', dims: x.dims.toSpliced(at, 1) }, { axis: at, keepdims: 0, select_last_index: 0 });
}

/** Running sum along an axis, each element included. */
export const cumulativeSum = (x: Tensor, axis: number): Tensor =>
  x.graph.node('CumSum', [x, x.graph.ints([axisOf(axis, x.dims.length)], [])], x);

/** [B, C, H, W] → [B, C, 1, 1] */
export const globalAveragePool = (x: Tensor): Tensor =>
  x.graph.node('GlobalAveragePool', [x], { dtype: x.dtype, dims: [x.dims[0]!, x.dims[1]!, 1, 1] });

/** Means of blocks that do not overlap: [B, C, H, W] → [B, C, H/n, W/n]. */
export function averagePool2d(x: Tensor, n: number): Tensor {
  const [b, c, h, w] = x.dims as [number, number, number, number];
  const dims = [b, c, windowed(h, n, n, 0), windowed(w, n, n, 0)];
  return x.graph.node('AveragePool', [x], { dtype: x.dtype, dims }, { kernel_shape: [n, n], strides: [n, n] });
}

export function maxPool2d(x: Tensor, kernel: number, { stride = kernel, padding = 0 } = {}): Tensor {
  const [b, c, h, w] = x.dims as [number, number, number, number];
  const size = (d: number) => windowed(d, kernel, stride, padding);
  return x.graph.node(
    'MaxPool',
    [x],
    { dtype: x.dtype, dims: [b, c, size(h), size(w)] },
    { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [padding, padding, padding, padding] },
  );
}
