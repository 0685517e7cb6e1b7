import { describe, expect, it } from 'vitest';
import { op, type Tensor } from '@likeness/graph';
import { bool, int64 } from '@likeness/inference';
import { gradientErrors, type GradientCheck } from '../testing/gradient-check.ts';

type Build = (x: readonly Tensor[], given: readonly Tensor[]) => Tensor | readonly Tensor[];
interface Options {
  readonly value?: (u: number, i: number) => number;
  readonly given?: GradientCheck['given'];
  readonly step?: number;
}

/** A check of an operator at some shapes, written as '2×3, 3×1'. */
const check = (name: string, shapes: string, build: Build, { value, given, step }: Options = {}) => {
  const variables = Object.fromEntries(
    shapes.split(', ').map((dims, i) => [`x${i}`, { dims: dims.split('×').map(Number), ...(value && { value }) }]),
  );
  return [
    name,
    { variables, build: (_, x, others) => build(x, others), ...(given && { given }), ...(step && { step }) } as GradientCheck,
  ] as const;
};

const positive = (u: number) => 1.5 + u;
/** Away from the corners of piecewise functions: no step crosses one. */
const apart = (u: number, i: number) => (i % 2 === 0 ? 0.1 + Math.abs(u) : -0.1 - Math.abs(u));
/** All different by more than a step. */
const ranked = (_: number, i: number) => ((i * 7919) % 1009) / 20;
const picture = '2×4×6×7';

const elementwise = [
  check('Add, broadcast', '2×3×4, 3×1', ([a, b]) => op.add(a!, b!)),
  check('Sub, broadcast', '3×1, 2×3×4', ([a, b]) => op.sub(a!, b!)),
  check('Mul, broadcast', '2×3×4, 4', ([a, b]) => op.mul(a!, b!)),
  check('Mul by itself', '2×3', ([a]) => op.mul(a!, a!)),
  check('Div, broadcast', '3×4, 2×3×4', ([a, b]) => op.div(a!, b!), { value: positive }),
  check('Pow', '3×4, 4', ([a, b]) => op.pow(a!, b!), { value: positive }),
  check('Pow of 2', '3×4', ([a]) => op.pow(a!, 2)),
  check('Max', '3×4, 3×4', ([a, b]) => op.max(a!, b!), { step: 1e-3 }),
  check('Min', '3×4, 4', ([a, b]) => op.min(a!, b!), { step: 1e-3 }),
  check('Abs', '3×4', ([a]) => op.abs(a!), { value: apart }),
  check('Neg', '3×4', ([a]) => op.neg(a!)),
  check('Sqrt', '3×4', ([a]) => op.sqrt(a!), { value: positive }),
  check('Exp', '3×4', ([a]) => op.exp(a!)),
  check('Log', '3×4', ([a]) => op.log(a!), { value: positive }),
  check('Sin', '3×4', ([a]) => op.sin(a!)),
  check('Cos', '3×4', ([a]) => op.cos(a!)),
  check('Tanh', '3×4', ([a]) => op.tanh(a!)),
  check('Sigmoid', '3×4', ([a]) => op.sigmoid(a!)),
  check('Erf', '3×4', ([a]) => op.erf(a!)),
  check('Relu', '3×4', ([a]) => op.relu(a!), { value: apart }),
  check('PRelu', '2×4×3, 4×1', ([a, slope]) => op.prelu(a!, slope!), { value: apart }),
  check('Gelu', '3×4', ([a]) => op.gelu(a!)),
  check('QuickGelu of 1.702', '3×4', ([a]) => op.quickGelu(a!)),
  check('QuickGelu of 1 (SiLU)', '3×4', ([a]) => op.silu(a!)),
  check('Clip', '3×4', ([a]) => op.clip(a!, -0.05, 0.05), { value: apart }),
  check('Where', '3×4, 4', ([a, b], [condition]) => op.where(condition!, a!, b!), {
    given: {
      condition: bool(
        [3, 4],
        Array.from({ length: 12 }, (_, i) => i % 3 === 0),
      ),
    },
  }),
  check('Cast', '3×4', ([a]) => op.cast(op.sin(op.cast(a!, 'float64')), 'float32')),
  check('Equal passes nothing', '3×4', ([a]) => op.add(a!, op.cast(op.equal(a!, 0), 'float32'))),
];

const reductions = [
  check('ReduceSum', '2×3×4', ([a]) => op.reduceSum(a!, [0, 2])),
  check('ReduceSum of all', '2×3', ([a]) => op.reduceSum(a!)),
  check('ReduceMean, kept', '2×3×4', ([a]) => op.reduceMean(a!, [-1], true)),
  check('ReduceMax', '2×3×4', ([a]) => op.reduceMax(a!, [1, 2]), { value: ranked }),
  check('ReduceL2', '2×3×4', ([a]) => op.reduceL2(a!, [2], true)),
  check('Softmax', '2×3×4', ([a]) => op.softmax(a!)),
  check('Softmax along the middle', '2×3×4', ([a]) => op.softmax(a!, 1)),
  check('LogSoftmax', '2×5', ([a]) => op.logSoftmax(a!)),
  check('LogSoftmax along the middle', '2×5×3', ([a]) => op.logSoftmax(a!, 1)),
];

const layout = [
  check('Reshape', '2×6', ([a]) => op.reshape(a!, [3, -1])),
  check('Transpose', '2×3×4', ([a]) => op.transpose(a!, [1, 2, 0])),
  check('Concat', '2×3, 2×1, 2×2', (parts) => op.concat(parts, 1)),
  check('Split, one part unused', '4×3', ([a]) => op.split(a!, 2, 0)[1]!),
  check('Split', '4×3', ([a]) => op.split(a!, 2, 0)),
  check('Slice', '2×5×3', ([a]) => op.slice(a!, 1, 1, 4)),
  check('Pad', '1×2×3×4', ([a]) => op.pad2d(a!, { top: 1, right: 2 })),
  check('Expand', '2×1×3', ([a]) => op.expand(a!, [2, 4, 3])),
  check('Gather, rows twice', '5×3', ([a], [index]) => op.gather(a!, index!), { given: { index: int64([2, 3], [0, 4, 4, 1, 0, 4]) } }),
  check('GatherND', '3×4×2', ([a], [index]) => op.gatherPerRow(a!, index!), { given: { index: int64([3, 1], [3, 0, 3]) } }),
  check('GatherElements', '3×4', ([a], [index]) => op.gatherElements(a!, index!, 1), {
    given: { index: int64([3, 2], [3, 3, 0, 1, 2, 2]) },
  }),
  check('DepthToSpace', '2×8×3×2', ([a]) => op.depthToSpace(a!, 2)),
  check('SpaceToDepth', '2×2×6×4', ([a]) => op.spaceToDepth(a!, 2)),
  check('CumSum', '3×4', ([a]) => op.cumulativeSum(a!, 1)),
];

const conv = (x: Tensor, w: Tensor, attributes: Record<string, number | number[]>, dims: number[]) =>
  x.graph.node('Conv', [x, w], { dtype: 'float32', dims }, attributes);

const products = [
  check('Gemm', '5×3, 4×3, 4', ([x, w, b]) => op.linear(x!, w!, b)),
  check('MatMul', '2×3×4, 2×4×5', ([a, b]) => op.matmul(a!, b!)),
  check('MatMul by one matrix', '2×3×4, 4×5', ([a, b]) => op.matmul(a!, b!)),
  check('MatMul, broadcast batches', '3×4, 2×4×5', ([a, b]) => op.matmul(a!, b!)),
  ...[0, 1, 2, 3].map((i) => {
    const [transA, transB] = [i % 2 === 1, i > 1];
    const shapes = `${transA ? '2×4×3' : '2×3×4'}, ${transB ? '2×5×4' : '2×4×5'}`;
    return check(`FusedMatMul ${transA ? 'aᵀ' : 'a'}·${transB ? 'bᵀ' : 'b'}`, shapes, ([a, b]) =>
      op.fusedMatmul(a!, b!, { transA, transB, alpha: 0.5 }),
    );
  }),
  check('Conv 3 × 3', `${picture}, 5×4×3×3, 5`, ([x, w, b]) => op.conv2d(x!, w!, b, { padding: 1 })),
  check('Conv 3 × 3 of a large picture', '2×3×12×13, 5×3×3×3, 5', ([x, w, b]) => op.conv2d(x!, w!, b, { padding: 1 })),
  check('Conv 1 × 1', `${picture}, 5×4×1×1`, ([x, w]) => op.conv2d(x!, w!, undefined)),
  check('Conv with more padding than kernel', `${picture}, 5×4×1×1`, ([x, w]) => op.conv2d(x!, w!, undefined, { padding: 1 })),
  check('Conv of stride 2', `${picture}, 5×4×3×3, 5`, ([x, w, b]) => op.conv2d(x!, w!, b, { stride: 2, padding: 1 })),
  check('Conv 1 × 1 of stride 2', `${picture}, 5×4×1×1`, ([x, w]) => op.conv2d(x!, w!, undefined, { stride: 2 })),
  check('Conv of patches', '2×3×8×12, 5×3×4×4', ([x, w]) => op.conv2d(x!, w!, undefined, { stride: 4 })),
  check('Conv padded on one side', `${picture}, 5×4×3×3`, ([x, w]) =>
    conv(x!, w!, { kernel_shape: [3, 3], strides: [1, 1], pads: [0, 2, 1, 0] }, [2, 5, 5, 7]),
  ),
  check('Conv in groups', `${picture}, 6×2×3×3`, ([x, w]) =>
    conv(x!, w!, { kernel_shape: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1], group: 2 }, [2, 6, 6, 7]),
  ),
  check('Conv, depthwise, stride 2', `${picture}, 4×1×3×3`, ([x, w]) =>
    conv(x!, w!, { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], group: 4 }, [2, 4, 3, 4]),
  ),
  check('ConvTranspose', `${picture}, 4×5×2×2`, ([x, w]) =>
    x!.graph.node('ConvTranspose', [x, w], { dtype: 'float32', dims: [2, 5, 12, 14] }, { kernel_shape: [2, 2], strides: [2, 2] }),
  ),
  check('attention', '2×5×8, 2×3×8, 2×3×8', ([q, k, v]) => op.attention(q!, k!, v!, 2)),
  check('causal attention', '2×5×8, 2×5×8, 2×5×8', ([q, k, v]) => op.attention(q!, k!, v!, 2, { causal: true })),
];

const normalisations = [
  check('LayerNormalization', '2×3×8, 8, 8', ([x, s, b]) => op.layerNorm(x!, s!, b!)),
  check('GroupNormalization', `${picture}, 4, 4`, ([x, s, b]) => op.groupNorm(x!, s!, b!, 2, 1e-5)),
  check('GroupNormalization of rows', '3×8, 8, 8', ([x, s, b]) => op.groupNorm(x!, s!, b!, 2, 1e-5)),
  check('InstanceNormalization', picture, ([x]) => op.instanceNorm(x!, 1e-5)),
  check('BatchNormalization, given statistics', `${picture}, 4, 4`, ([x, s, b]) =>
    op.batchNorm(x!, s!, b!, x!.graph.floats([0.1, 0.2, 0, 0], [4]), x!.graph.floats([1, 2, 0.5, 1], [4]), 1e-5),
  ),
  ...[picture, '6×4'].map((dims) =>
    check(`BatchNormalization of the batch, ${dims}`, `${dims}, 4, 4`, ([x, s, b]) => {
      const { y } = op.batchNormOfBatch(
        x!,
        s!,
        b!,
        { mean: x!.graph.floats([0, 0, 0, 0], [4]), variance: x!.graph.floats([1, 1, 1, 1], [4]) },
        1e-5,
        0.1,
      );
      return y;
    }),
  ),
];

const windows = [
  check('MaxPool 3 × 3 of stride 2', picture, ([x]) => op.maxPool2d(x!, 3, { stride: 2, padding: 1 }), { value: ranked }),
  check('AveragePool that leaves a row', '2×3×6×7', ([x]) => op.averagePool2d(x!, 2)),
  check('GlobalAveragePool', picture, ([x]) => op.globalAveragePool(x!)),
  check('Resize nearest × 2', picture, ([x]) => op.resizeNearest(x!, 12, 14)),
  check('Resize nearest to an odd size', picture, ([x]) => op.resizeNearest(x!, 11, 9)),
  check('Resize with aligned corners', picture, ([x]) => op.resizeAlignCorners(x!, 11, 15)),
  check('Resize linear', picture, ([x]) =>
    x!.graph.node(
      'Resize',
      [x, undefined, undefined, x!.graph.ints([2, 4, 3, 13])],
      { dtype: 'float32', dims: [2, 4, 3, 13] },
      { mode: 'linear', coordinate_transformation_mode: 'half_pixel' },
    ),
  ),
];

describe.each([
  ['elementwise', elementwise],
  ['reductions', reductions],
  ['layout', layout],
  ['products', products],
  ['normalisations', normalisations],
  ['windows', windows],
])('gradients of %s agree with differences', (_, checks) => {
  it.each(checks)('%s', async (_name, given) => {
    const errors = await gradientErrors(given);
    for (const [name, error] of Object.entries(errors)) expect(error, name).toBeLessThan(2e-3);
  });
});
