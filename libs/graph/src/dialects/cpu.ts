import type { Graph } from '../graph.ts';
import * as op from '../ops/index.ts';
import type { Tensor } from '../tensor.ts';
import { rewrite } from './rewrite.ts';

/**
 * For ONNX Runtime's CPU provider, float32. It knows GroupNormalization only as a composition that takes the variance for the mean of
 * the squares less the square of the mean, which loses all digits where a group's values lie close together; its
 * InstanceNormalization takes the mean of the squared deviations.
 */
export const toCpu = (graph: Graph): Graph =>
  rewrite(graph, ({ op: name, attributes }, [x, scale, bias]) => {
    if (name !== 'GroupNormalization') return undefined;
    const groups = attributes['num_groups'] as number;
    const { epsilon } = attributes as { epsilon: { float: number } };
    return groupNorm(x!, scale!, bias!, groups, epsilon.float);
  });

function groupNorm(x: Tensor, scale: Tensor, bias: Tensor, groups: number, epsilon: number): Tensor {
  const [batch, channels, ...rest] = x.dims as [number, number, ...number[]];
  const rows = op.reshape(x, [batch, groups, -1]);
  const normed = op.instanceNorm(rows, epsilon);
  const perChannel = (weight: Tensor) => op.reshape(weight, [channels, ...rest.map(() => 1)]);
  return op.add(op.mul(op.reshape(normed, x.dims), perChannel(scale)), perChannel(bias));
}
