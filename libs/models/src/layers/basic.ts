import { op, type Scope, type Tensor } from '@likeness/graph';

/** [..., in] → [..., out]. Keys: weight [out, in], bias [out]. */
export function linear(s: Scope, x: Tensor, out: number, { bias = true } = {}): Tensor {
  return op.linear(x, s.weight('weight', [out, x.dims.at(-1)!]), bias ? s.weight('bias', [out]) : undefined);
}

export interface ConvOptions {
  readonly stride?: number;
  /** Half the kernel unless given: the size stays at stride 1. */
  readonly padding?: number;
  readonly bias?: boolean;
}

/** [B, in, H, W] → [B, out, H', W']. Keys: weight [out, in, k, k], bias [out]. */
export function conv(
  s: Scope,
  x: Tensor,
  out: number,
  kernel: number,
  { stride = 1, padding = (kernel - 1) / 2, bias = true }: ConvOptions = {},
): Tensor {
  const weight = s.weight('weight', [out, x.dims[1]!, kernel, kernel]);
  return op.conv2d(x, weight, bias ? s.weight('bias', [out]) : undefined, { stride, padding });
}

export function layerNorm(s: Scope, x: Tensor, epsilon = 1e-5): Tensor {
  const width = [x.dims.at(-1)!];
  return op.layerNorm(x, s.weight('weight', width), s.weight('bias', width), epsilon);
}

export function groupNorm(s: Scope, x: Tensor, groups: number, epsilon: number): Tensor {
  const width = [x.dims[1]!];
  return op.groupNorm(x, s.weight('weight', width), s.weight('bias', width), groups, epsilon);
}

/**
 * With the stored statistics (torch's evaluation mode); where these are being learned, with the ones of the batch, which the stored ones
 * follow (training mode).
 */
export function batchNorm(s: Scope, x: Tensor, epsilon = 1e-5): Tensor {
  const width = [x.dims[1]!];
  const [scale, bias] = [s.weight('weight', width), s.weight('bias', width)];
  const [mean, variance] = [s.weight('running_mean', width), s.weight('running_var', width)];
  if (!s.learns('running_mean')) return op.batchNorm(x, scale, bias, mean, variance, epsilon);
  const next = op.batchNormOfBatch(x, scale, bias, { mean, variance }, epsilon, 0.1);
  s.update('running_mean', next.mean);
  s.update('running_var', next.variance);
  return next.y;
}
