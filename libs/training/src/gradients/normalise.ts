import { op, type Tensor } from '@likeness/graph';
import { float, int, unsupported, type Derivatives, type Step } from './derivative.ts';

/** Sum over all but the last axis. */
const overRows = (x: Tensor): Tensor =>
  op.reduceSum(
    x,
    x.dims.slice(0, -1).map((_, i) => i),
  );

/** Whole rows of one tensor each: y = (x − mean)·inv, with the mean and 1/deviation, [rows, n] → [rows, n] and twice [rows, 1]. */
function standardised(rows: Tensor, epsilon: number): { normed: Tensor; inverse: Tensor } {
  const { graph, dtype } = rows;
  const [count, width] = rows.dims as [number, number];
  const perRow = { dtype, dims: [count, 1] };
  const filled = (value: number) => op.expand(graph.floats([value], [1]), [width]);
  const [normed, , inverse] = graph.nodeOfMany('LayerNormalization', [rows, filled(1), filled(0)], [rows, perRow, perRow], {
    axis: -1,
    epsilon: { float: epsilon },
  });
  return { normed: normed!, inverse: inverse! };
}

/** Over the last axis: with g = dy·scale, dx = (g − mean g − x̂·mean(g·x̂))/deviation. */
function layerNorm({ graph, node, dy, inputs, y }: Step) {
  const [x, scale, bias] = inputs as [Tensor, Tensor, Tensor];
  if (int(node, 'axis', -1) !== -1) throw unsupported(node, 'over another axis than the last');
  let statistics: [Tensor, Tensor];
  graph.replace(node, () => {
    const perRow = { dtype: x.dtype, dims: [...x.dims.slice(0, -1), 1] };
    const [again, mean, inverse] = graph.nodeOfMany(node.op, [x, scale, bias], [y, perRow, perRow], node.attributes);
    statistics = [mean!, inverse!];
    return [again!];
  });
  const [mean, inverse] = statistics!;
  const normed = op.mul(op.sub(x, mean), inverse);
  const byX = () => {
    const g = op.mul(dy, scale);
    const average = (t: Tensor) => op.reduceMean(t, [-1], true);
    return op.mul(op.sub(op.sub(g, average(g)), op.mul(normed, average(op.mul(g, normed)))), inverse);
  };
  return [byX, () => overRows(op.mul(dy, normed)), () => overRows(dy)];
}

/**
 * Over the pixels and channels of a group. The node is replaced by a row-wise normalisation that also gives its deviation. Sums over pixels
 * come first, all that follows is small but for dx = dy·a + x̂·b + c, with a per channel, b and c per group.
 */
function groupNorm({ graph, node, dy, inputs }: Step, groups: number) {
  const [x, scale, bias] = inputs as [Tensor, Tensor, Tensor];
  const [batch, channels] = x.dims as [number, number];
  const perChannel = (t: Tensor) => op.reshape(t, [t.dims.length === 1 ? 1 : batch, channels, ...x.dims.slice(2).map(() => 1)]);
  let kept: { normed: Tensor; inverse: Tensor };
  graph.replace(node, () => {
    const { normed, inverse } = standardised(op.reshape(x, [batch * groups, -1]), float(node, 'epsilon', 1e-5));
    kept = { normed: op.reshape(normed, x.dims), inverse: op.reshape(inverse, [batch, groups, 1]) };
    return [op.add(op.mul(kept.normed, perChannel(scale)), perChannel(bias))];
  });
  const { normed, inverse } = kept!;

  const overPixels = (t: Tensor) => op.reduceSum(op.reshape(t, [batch, channels, -1]), [2]); // [B, C]
  const [sums, products] = [overPixels(dy), overPixels(op.mul(dy, normed))];
  const byX = () => {
    const size = x.dims.slice(2).reduce((n, d) => n * d, channels / groups);
    const perGroup = (t: Tensor) => op.reduceSum(op.reshape(op.mul(t, scale), [batch, groups, -1]), [2], true); // [B, G, 1]
    const spread = (t: Tensor) => perChannel(op.reshape(op.expand(t, [batch, groups, channels / groups]), [batch, channels]));
    const minusMean = op.mul(inverse, -1 / size);
    const a = perChannel(op.reshape(op.mul(inverse, op.reshape(scale, [1, groups, -1])), [batch, channels]));
    const [b, c] = [products, sums].map((t) => spread(op.mul(perGroup(t), minusMean))) as [Tensor, Tensor];
    return op.add(op.add(op.mul(dy, a), op.mul(normed, b)), c);
  };
  return [byX, () => op.reduceSum(products, [0]), () => op.reduceSum(sums, [0])];
}

/** Per channel: with the statistics of the batch (training), or with given ones, which are constants to the derivative. */
function batchNorm(step: Step) {
  const { graph, node, dy, inputs } = step;
  const [x, scale, bias, runningMean, runningVariance] = inputs as [Tensor, Tensor, Tensor, Tensor, Tensor];
  const epsilon = float(node, 'epsilon', 1e-5);
  const perChannel = (t: Tensor) => op.reshape(t, [1, -1, ...x.dims.slice(2).map(() => 1)]);
  const axes = x.dims.flatMap((_, i) => (i === 1 ? [] : [i]));
  const inverseOf = (variance: Tensor) => op.div(graph.floats([1]), op.sqrt(op.add(variance, epsilon)));

  if (int(node, 'training_mode', 0) === 0) {
    const inverse = inverseOf(runningVariance);
    const byScale = () => op.reduceSum(op.mul(dy, op.mul(op.sub(x, perChannel(runningMean)), perChannel(inverse))), axes);
    return [() => op.mul(dy, perChannel(op.mul(scale, inverse))), byScale, () => op.reduceSum(dy, axes)];
  }

  const count = axes.reduce((n, axis) => n * x.dims[axis]!, 1);
  let kept: { centred: Tensor; inverse: Tensor };
  graph.replace(node, () => {
    const mean = op.reduceMean(x, axes);
    const centred = op.sub(x, perChannel(mean));
    const variance = op.mul(graph.node('ReduceSumSquare', [centred, graph.ints(axes)], mean, { keepdims: 0 }), 1 / count);
    kept = { centred, inverse: inverseOf(variance) };
    const y = op.add(op.mul(centred, perChannel(op.mul(kept.inverse, scale))), perChannel(bias));
    const momentum = 1 - float(node, 'momentum', 0.9);
    const following = (running: Tensor, now: Tensor) => op.add(op.mul(running, 1 - momentum), op.mul(now, momentum));
    return [y, following(runningMean, mean), following(runningVariance, variance)];
  });
  const { centred, inverse } = kept!;
  const [sums, products] = [op.reduceSum(dy, axes), op.mul(op.reduceSum(op.mul(dy, centred), axes), inverse)]; // by bias, by scale
  const byX = () => {
    const a = op.mul(scale, inverse);
    const b = op.mul(op.mul(op.mul(a, inverse), products), -1 / count);
    const c = op.mul(op.mul(a, sums), -1 / count);
    return op.add(op.add(op.mul(dy, perChannel(a)), op.mul(centred, perChannel(b))), perChannel(c));
  };
  return [byX, () => products, () => sums];
}

export const normalisations: Derivatives = {
  LayerNormalization: layerNorm,
  GroupNormalization: (step) => groupNorm(step, int(step.node, 'num_groups', 1)),
  InstanceNormalization: (step) => groupNorm(step, step.inputs[0]!.dims[1]!),
  BatchNormalization: batchNorm,
};
