import { op, type Tensor } from '@likeness/graph';
import { attention } from './attention.ts';
import { convolution, transposedConvolution } from './convolution.ts';
import { collapsed, float, int, unsupported, type Derivatives, type Step } from './derivative.ts';

/** y = α·a·b, either read transposed, batches broadcast. */
function matrixProduct({ dy, inputs: [a, b] }: Step, { transA = false, transB = false, alpha = 1 }) {
  const product = (x: Tensor, y: Tensor, options: object) => op.fusedMatmul(x, y, { ...options, alpha });
  const byA = () => (transA ? product(b!, dy, { transA: transB, transB: true }) : product(dy, b!, { transB: !transB }));
  const byB = () => (transB ? product(dy, a!, { transA: true, transB: transA }) : product(a!, dy, { transA: !transA }));
  return [() => collapsed(byA(), a!), () => collapsed(byB(), b!)];
}

export const products: Derivatives = {
  MatMul: (step) => {
    const { dy, inputs, node } = step;
    const [a, b] = inputs as [Tensor, Tensor];
    if (a.dims.length < 2 || b.dims.length < 2) throw unsupported(node, 'for vectors');
    if (b.dims.length > 2) return matrixProduct(step, {});
    // One matrix for all rows: the batches are rows too.
    const rows = (x: Tensor) => op.reshape(x, [-1, x.dims.at(-1)!]);
    return [
      () => op.reshape(op.fusedMatmul(rows(dy), b, { transB: true }), a.dims),
      () => op.fusedMatmul(rows(a), rows(dy), { transA: true }),
    ];
  },

  'com.microsoft.FusedMatMul': (step) => {
    const { node } = step;
    if (int(node, 'transBatchA', 0) || int(node, 'transBatchB', 0)) throw unsupported(node, 'with transposed batches');
    return matrixProduct(step, {
      transA: int(node, 'transA', 0) === 1,
      transB: int(node, 'transB', 0) === 1,
      alpha: float(node, 'alpha', 1),
    });
  },

  Gemm: (step) => {
    const { dy, inputs, node } = step;
    const [, , c] = inputs as [Tensor, Tensor, Tensor | undefined];
    if (float(node, 'alpha', 1) !== 1 || float(node, 'beta', 1) !== 1) throw unsupported(node, 'with factors');
    const options = { transA: int(node, 'transA', 0) === 1, transB: int(node, 'transB', 0) === 1 };
    return [...matrixProduct(step, options), () => collapsed(dy, c!)];
  },

  Conv: convolution,
  ConvTranspose: transposedConvolution,
  'com.microsoft.MultiHeadAttention': attention,
};
