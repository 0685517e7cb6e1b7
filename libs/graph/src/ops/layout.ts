import { axisOf, type Shape, type Tensor } from '../tensor.ts';
import { elementCount } from '../weights/dtypes.ts';

/** One dimension may be −1: it takes what the others leave. */
export function reshape(x: Tensor, dims: readonly number[]): Tensor {
  const count = elementCount(x.dims);
  const known = dims.reduce((n, d) => (d === -1 ? n : n * d), 1);
  const full = dims.map((d) => (d === -1 ? count / known : d));
  if (elementCount(full) !== count || !full.every(Number.isInteger))
    throw new RangeError(`[${x.dims.join(', ')}] cannot become [${dims.join(', ')}].`);
  if (full.length === x.dims.length && full.every((d, i) => d === x.dims[i])) return x;
  return x.graph.node('Reshape', [x, x.graph.ints(full)], { dtype: x.dtype, dims: full });
}

export function transpose(x: Tensor, perm: readonly number[]): Tensor {
  if (perm.toSorted().some((p, i) => p !== i) || perm.length !== x.dims.length)
    throw new RangeError(`[${perm.join(', ')}] is no order of [${x.dims.join(', ')}].`);
  return x.graph.node('Transpose', [x], { dtype: x.dtype, dims: perm.map((p) => x.dims[p]!) }, { perm });
}

/** Channels to pixels, as torch's `pixel_shuffle`: [B, C·n², H, W] → [B, C, H·n, W·n]. */
export function depthToSpace(x: Tensor, n: number): Tensor {
  const [b, c, h, w] = x.dims as [number, number, number, number];
  const blocks = reshape(x, [b, c / n ** 2, n, n, h, w]);
  return reshape(transpose(blocks, [0, 1, 4, 2, 5, 3]), [b, c / n ** 2, h * n, w * n]);
}

/** [B, C, H, W] → [B, C·n², H/n, W/n]: undoes `depthToSpace`. */
export function spaceToDepth(x: Tensor, n: number): Tensor {
  const [b, c, h, w] = x.dims as [number, number, number, number];
  const blocks = reshape(x, [b, c, h / n, n, w / n, n]);
  return reshape(transpose(blocks, [0, 1, 3, 5, 2, 4]), [b, c * n * n, h / n, w / n]);
}

export function concat(parts: readonly Tensor[], axis: number): Tensor {
  const [first] = parts as [Tensor];
  const at = axisOf(axis, first.dims.length);
  for (const part of parts) {
    if (part.dims.length !== first.dims.length || part.dims.some((d, i) => i !== at && d !== first.dims[i])) {
      throw new RangeError(`[${part.dims.join(', ')}] cannot join [${first.dims.join(', ')}] along axis ${at}.`);
    }
  }
  const dims = first.dims.with(
    at,
    parts.reduce((n, part) => n + part.dims[at]!, 0),
  );
  return first.graph.node('Concat', parts, { dtype: first.dtype, dims }, { axis: at });
}

/** Elements `begin` to `end` (exclusive) along an axis. */
export function slice(x: Tensor, axis: number, begin: number, end: number): Tensor {
  const at = axisOf(axis, x.dims.length);
  if (begin < 0 || end > x.dims[at]! || begin > end)
    throw new RangeError(`${begin} to ${end} is not inside axis ${at} of [${x.dims.join(', ')}].`);
  if (begin === 0 && end === x.dims[at]) return x;
  const { graph } = x;
  return graph.node('Slice', [x, graph.ints([begin]), graph.ints([end]), graph.ints([at])], {
    dtype: x.dtype,
    dims: x.dims.with(at, end - begin),
  });
}

/** Equal parts along an axis, as torch's `chunk`. */
export function chunk(x: Tensor, parts: number, axis: number): Tensor[] {
  const width = x.dims[axisOf(axis, x.dims.length)]! / parts;
  return Array.from({ length: parts }, (_, i) => slice(x, axis, i * width, (i + 1) * width));
}

/** The same in one node, which suits a tensor whose gradient is asked for. */
export function split(x: Tensor, parts: number, axis: number): Tensor[] {
  const at = axisOf(axis, x.dims.length);
  const width = x.dims[at]! / parts;
  if (!Number.isInteger(width)) throw new RangeError(`${parts} equal parts cannot be had of axis ${at} of [${x.dims.join(', ')}].`);
  const part = { dtype: x.dtype, dims: x.dims.with(at, width) };
  return x.graph.nodeOfMany('Split', [x], new Array<Shape>(parts).fill(part), { axis: at, num_outputs: parts });
}

/** Repeats dimensions of size 1. */
export function expand(x: Tensor, dims: readonly number[]): Tensor {
  if (dims.every((d, i) => d === x.dims[i])) return x;
  return x.graph.node('Expand', [x, x.graph.ints(dims)], { dtype: x.dtype, dims });
}

/** Rows of a table by index along axis 0: [n, …] by [k…] → [k…, …]. */
export const gather = (table: Tensor, index: Tensor): Tensor =>
  table.graph.node('Gather', [table, index], { dtype: table.dtype, dims: [...index.dims, ...table.dims.slice(1)] }, { axis: 0 });

/** Per row b: data[b, index[b, 0]]: [B, n, C] by int64 [B, 1] → [B, C]. */
export const gatherPerRow = (data: Tensor, index: Tensor): Tensor =>
  data.graph.node('GatherND', [data, index], { dtype: data.dtype, dims: [data.dims[0]!, ...data.dims.slice(2)] }, { batch_dims: 1 });

/** Along an axis, the element of each place that `index` names: int64 of the shape of the result. */
export const gatherElements = (data: Tensor, index: Tensor, axis: number): Tensor =>
  data.graph.node('GatherElements', [data, index], { dtype: data.dtype, dims: index.dims }, { axis: axisOf(axis, data.dims.length) });

/** Zeros around the two last axes of [B, C, H, W]. */
export function pad2d(x: Tensor, { top = 0, left = 0, bottom = 0, right = 0 }): Tensor {
  const [b, c, h, w] = x.dims as [number, number, number, number];
  const dims = [b, c, h + top + bottom, w + left + right];
  return x.graph.node('Pad', [x, x.graph.ints([0, 0, top, left, 0, 0, bottom, right])], { dtype: x.dtype, dims }, { mode: 'constant' });
}
