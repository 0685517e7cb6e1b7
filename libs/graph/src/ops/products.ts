import { broadcast, type Tensor } from '../tensor.ts';
import { add } from './elementwise.ts';
import { reshape, transpose } from './layout.ts';
import { softmax } from './normalise.ts';

/** x · weightᵀ + bias over the last axis: [..., in] by [out, in] → [..., out]. The weight stays as torch stores it. */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const [out, width] = weight.dims as [number, number];
  if (x.dims.at(-1) !== width) throw new RangeError(`A linear layer of ${width} inputs got [${x.dims.join(', ')}].`);
  const rows = reshape(x, [-1, width]);
  const y = x.graph.node('Gemm', [rows, weight, bias], { dtype: x.dtype, dims: [rows.dims[0]!, out] }, { transB: 1 });
  return reshape(y, [...x.dims.slice(0, -1), out]);
}

/** Matrix product over the two last axes, the others broadcast. */
export function matmul(a: Tensor, b: Tensor): Tensor {
  const [n, k] = a.dims.slice(-2) as [number, number];
  const [k2, m] = b.dims.slice(-2) as [number, number];
  if (k !== k2) throw new RangeError(`[${a.dims.join(', ')}] cannot multiply [${b.dims.join(', ')}].`);
  return a.graph.node('MatMul', [a, b], { dtype: a.dtype, dims: [...broadcast(a.dims.slice(0, -2), b.dims.slice(0, -2)), n, m] });
}

/**
 * Matrix product of the two last axes, each of which may be read transposed; the others are equal (com.microsoft). `alpha` multiplies
 * the product.
 */
export function fusedMatmul(a: Tensor, b: Tensor, { transA = false, transB = false, alpha = 1 } = {}): Tensor {
  const [n, k] = transA ? [a.dims.at(-1)!, a.dims.at(-2)!] : [a.dims.at(-2)!, a.dims.at(-1)!];
  const [k2, m] = transB ? [b.dims.at(-1)!, b.dims.at(-2)!] : [b.dims.at(-2)!, b.dims.at(-1)!];
  if (k !== k2) throw new RangeError(`[${a.dims.join(', ')}] cannot multiply [${b.dims.join(', ')}].`);
  const dims = [...broadcast(a.dims.slice(0, -2), b.dims.slice(0, -2)), n, m];
  const attributes = { transA: Number(transA), transB: Number(transB), alpha: { float: alpha } };
  return a.graph.node('FusedMatMul', [a, b], { dtype: a.dtype, dims }, attributes, 'com.microsoft');
}

export interface ConvOptions {
  readonly stride?: number;
  readonly padding?: number;
}

/** [B, in, H, W] by [out, in, k, k] → [B, out, H', W']. */
export function conv2d(x: Tensor, weight: Tensor, bias: Tensor | undefined, { stride = 1, padding = 0 }: ConvOptions = {}): Tensor {
  const [b, c, h, w] = x.dims as [number, number, number, number];
  const [out, width, kernel] = weight.dims as [number, number, number];
  if (c !== width) throw new RangeError(`A convolution of ${width} channels got [${x.dims.join(', ')}].`);
  const size = (d: number) => windowed(d, kernel, stride, padding);
  return x.graph.node(
    'Conv',
    [x, weight, bias],
    { dtype: x.dtype, dims: [b, out, size(h), size(w)] },
    { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [padding, padding, padding, padding] },
  );
}

/** How many places a window takes along an axis. */
export const windowed = (size: number, kernel: number, stride: number, padding: number): number =>
  Math.floor((size + 2 * padding - kernel) / stride) + 1;

/**
 * softmax(q·kᵀ / √(C/heads)) · v per head: [B, S, C], [B, T, C], [B, T, C] → [B, S, C]. One kernel, which never builds the score
 * matrix. `causal`: row s sees only columns ≤ s.
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, heads: number, { causal = false } = {}): Tensor {
  const width = q.dims.at(-1)!;
  if (width % heads !== 0) throw new RangeError(`${width} channels cannot be shared by ${heads} heads.`);
  const attributes = causal ? { num_heads: heads, unidirectional: 1 } : { num_heads: heads };
  return q.graph.node('MultiHeadAttention', [q, k, v], q, attributes, 'com.microsoft');
}

/** Channels as heads: [B, S, C] → [B, h, S, C/h]. */
export function splitHeads(x: Tensor, heads: number): Tensor {
  const [batch, length, width] = x.dims as [number, number, number];
  return transpose(reshape(x, [batch, length, heads, width / heads]), [0, 2, 1, 3]);
}

/** And back: [B, h, S, d] → [B, S, h·d]. */
export function joinHeads(x: Tensor): Tensor {
  const [batch, heads, length, width] = x.dims as [number, number, number, number];
  return reshape(transpose(x, [0, 2, 1, 3]), [batch, length, heads * width]);
}

/**
 * What `attention` weighs its values with, for those who want to see it: softmax(q·kᵀ / √(C/heads)), [B, h, S, T], and its queries and
 * keys per head, [B, h, S | T, C/h].
 */
export function attentionProbabilities(
  q: Tensor,
  k: Tensor,
  heads: number,
  { causal = false } = {},
): Record<'query' | 'key' | 'probabilities', Tensor> {
  const [query, key] = [splitHeads(q, heads), splitHeads(k, heads)];
  const scores = fusedMatmul(query, key, { transB: true, alpha: 1 / Math.sqrt(query.dims[3]!) });
  if (!causal) return { query, key, probabilities: softmax(scores) };
  const [length, seen] = scores.dims.slice(2) as [number, number];
  const isLater = Array.from({ length: length * seen }, (_, i) => (i % seen > Math.floor(i / seen) ? -Infinity : 0));
  return { query, key, probabilities: softmax(add(scores, q.graph.floats(isLater, [length, seen]))) };
}
