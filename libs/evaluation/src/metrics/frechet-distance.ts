/**
 * Fréchet distance between two sets of features, each taken for a Gaussian: ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½).
 *
 * Reference: Heusel et al. 2017 (arXiv 1706.08500); pytorch-fid 0.3.0, with n − 1 in the covariance as numpy's `cov` has it. The trace of
 * the root is that of (Σ₁^½ Σ₂ Σ₁^½)^½, which is symmetric, so it needs no complex numbers and no small multiple of the unit matrix.
 */
import { symmetricEigen, type SquareMatrix } from './symmetric-eigen.ts';

export interface Gaussian {
  readonly mean: Float64Array;
  readonly covariance: SquareMatrix;
}

/** Mean and covariance of at least two vectors of one length. */
export function gaussianOf(vectors: readonly ArrayLike<number>[]): Gaussian {
  const n = vectors.length;
  if (n < 2) throw new RangeError(`A covariance needs two vectors, there is ${n}.`);
  const size = vectors[0]!.length;
  const mean = new Float64Array(size);
  for (const vector of vectors) for (let i = 0; i < size; i++) mean[i]! += vector[i]! / n;
  const data = new Float64Array(size * size);
  const centred = new Float64Array(size);
  for (const vector of vectors) {
    for (let i = 0; i < size; i++) centred[i] = vector[i]! - mean[i]!;
    for (let i = 0; i < size; i++) for (let j = 0; j <= i; j++) data[i * size + j]! += centred[i]! * centred[j]!;
  }
  for (let i = 0; i < size; i++) for (let j = 0; j <= i; j++) data[i * size + j] = data[j * size + i] = data[i * size + j]! / (n - 1);
  return { mean, covariance: { size, data } };
}

export function frechetDistance(a: Gaussian, b: Gaussian): number {
  const apart = a.mean.reduce((sum, x, i) => sum + (x - b.mean[i]!) ** 2, 0);
  return Math.max(0, apart + trace(a.covariance) + trace(b.covariance) - 2 * traceOfRootedProduct(a.covariance, b.covariance));
}

/** tr((A B)^½) of two covariances. What rounding has made of an eigenvalue of zero may be negative, and is zero. */
function traceOfRootedProduct(a: SquareMatrix, b: SquareMatrix): number {
  const root = squareRoot(a);
  const { values } = symmetricEigen(symmetric(product(product(root, b), root)));
  return values.reduce((sum, value) => sum + Math.sqrt(Math.max(0, value)), 0);
}

/** The positive root of a covariance: Vᵀ · √Λ · V. */
export function squareRoot(matrix: SquareMatrix): SquareMatrix {
  const { size } = matrix;
  const { values, vectors } = symmetricEigen(matrix);
  const scaled = vectors.data.map((x, i) => x * Math.sqrt(Math.max(0, values[Math.floor(i / size)]!)) ** 0.5);
  // (Λ^¼ V)ᵀ (Λ^¼ V)
  const data = new Float64Array(size * size);
  for (let k = 0; k < size; k++) {
    const row = scaled.subarray(k * size, (k + 1) * size);
    for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) data[i * size + j]! += row[i]! * row[j]!;
  }
  return { size, data };
}

function product(a: SquareMatrix, b: SquareMatrix): SquareMatrix {
  const { size } = a;
  const data = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < size; k++) {
      const x = a.data[i * size + k]!;
      for (let j = 0; j < size; j++) data[i * size + j]! += x * b.data[k * size + j]!;
    }
  }
  return { size, data };
}

/** What rounding has made of a symmetric matrix, symmetric again. */
const symmetric = ({ size, data }: SquareMatrix): SquareMatrix => ({
  size,
  data: data.map((x, i) => (x + data[(i % size) * size + Math.floor(i / size)]!) / 2),
});

const trace = ({ size, data }: SquareMatrix): number => {
  let sum = 0;
  for (let i = 0; i < size; i++) sum += data[i * size + i]!;
  return sum;
};
