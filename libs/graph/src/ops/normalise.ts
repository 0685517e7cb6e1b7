import type { Tensor } from '../tensor.ts';

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

/** Over all but the two first axes, without scale and bias: [B, C, …]. */
export function instanceNorm(x: Tensor, epsilon: number): Tensor {
  const channels = x.dims[1]!;
  const of = (value: number) => x.graph.floats(new Array<number>(channels).fill(value), [channels]);
  return x.graph.node('InstanceNormalization', [x, of(1), of(0)], x, { epsilon: { float: epsilon } });
}
