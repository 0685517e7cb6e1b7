import { axisOf, type Tensor } from '../tensor.ts';

/** exp(x) over its sum, along an axis. */
export const softmax = (x: Tensor, axis = -1): Tensor => x.graph.node('Softmax', [x], x, { axis: axisOf(axis, x.dims.length) });

/** The logarithm of that, without forming it. */
export const logSoftmax = (x: Tensor, axis = -1): Tensor => x.graph.node('LogSoftmax', [x], x, { axis: axisOf(axis, x.dims.length) });

/** Over the last axis. */
export const layerNorm = (x: Tensor, scale: Tensor, bias: Tensor, epsilon = 1e-5): Tensor =>
  x.graph.node('LayerNormalization', [x, scale, bias], x, { axis: -1, epsilon: { float: epsilon } });

/** Over all pixels and the channels of a group: [B, C, …]. */
export function groupNorm(x: Tensor, scale: Tensor, bias: Tensor, groups: number, epsilon: number): Tensor {
  if (x.dims[1]! % groups !== 0) throw new RangeError(`${x.dims[1]} channels cannot form ${groups} groups.`);
  return x.graph.node('GroupNormalization', [x, scale, bias], x, { num_groups: groups, epsilon: { float: epsilon } });
}

/** Per channel, with stored statistics: [B, C] or [B, C, H, W]. */
export const batchNorm = (x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, epsilon: number): Tensor =>
  x.graph.node('BatchNormalization', [x, scale, bias, mean, variance], x, { epsilon: { float: epsilon } });

/**
 * Per channel, with the statistics of the batch. Also what the running ones become: momentum·(of the batch) + (1 − momentum)·running, as
 * torch counts momentum, with the variance of the n values of the batch over n (torch: over n − 1).
 */
export function batchNormOfBatch(
  x: Tensor,
  scale: Tensor,
  bias: Tensor,
  running: { readonly mean: Tensor; readonly variance: Tensor },
  epsilon: number,
  momentum: number,
): { y: Tensor; mean: Tensor; variance: Tensor } {
  const { mean: runningMean, variance: runningVariance } = running;
  const attributes = { epsilon: { float: epsilon }, momentum: { float: 1 - momentum }, training_mode: 1 };
  const inputs = [x, scale, bias, runningMean, runningVariance];
  const [y, mean, variance] = x.graph.nodeOfMany('BatchNormalization', inputs, [x, runningMean, runningVariance], attributes);
  return { y: y!, mean: mean!, variance: variance! };
}

/** Over all but the two first axes, without scale and bias: [B, C, …]. */
export function instanceNorm(x: Tensor, epsilon: number): Tensor {
  const channels = x.dims[1]!;
  const of = (value: number) => x.graph.floats(new Array<number>(channels).fill(value), [channels]);
  return x.graph.node('InstanceNormalization', [x, of(1), of(0)], x, { epsilon: { float: epsilon } });
}
