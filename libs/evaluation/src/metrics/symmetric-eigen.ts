/**
 * Eigenvalues and eigenvectors of a real symmetric matrix: Householder reflections to a tridiagonal matrix, then QL steps with implicit
 * shifts (the procedures tred2 and tql2 of EISPACK, after Bowdler, Martin, Reinsch and Wilkinson, Handbook for Automatic Computation).
 */

/** A square matrix, row-major, in double precision. */
export interface SquareMatrix {
  readonly size: number;
  readonly data: Float64Array;
}

export interface Eigen {
  /** In no order that one could rely on. */
  readonly values: Float64Array;
  /** Row k is the eigenvector of value k, of length 1. */
  readonly vectors: SquareMatrix;
}

/** @throws RangeError when an eigenvalue does not settle, which takes a value that is not finite */
export function symmetricEigen({ size, data }: SquareMatrix): Eigen {
  if (!data.every(Number.isFinite)) throw new RangeError('A matrix with values that are not finite has no eigenvalues.');
  const { diagonal, below, basis } = tridiagonal(size, Float64Array.from(data));
  diagonalise(size, diagonal, below, basis);
  return { values: diagonal, vectors: { size, data: basis } };
}

/** `a` = basisᵀ · T · basis with T tridiagonal; row k of `basis` is the k-th basis vector. */
function tridiagonal(n: number, a: Float64Array) {
  const below = new Float64Array(n); // T[k + 1][k]
  const basis = new Float64Array(n * n);
  for (let i = 0; i < n; i++) basis[i * n + i] = 1;
  const v = new Float64Array(n);
  const w = new Float64Array(n);

  for (let k = 0; k + 2 < n; k++) {
    // the reflection I − 2 v vᵀ that leaves of column k nothing below the subdiagonal
    let length = 0;
    for (let i = k + 1; i < n; i++) length = Math.hypot(length, a[i * n + k]!);
    if (length === 0) continue;
    const alpha = a[(k + 1) * n + k]! > 0 ? -length : length;
    let norm = 0;
    for (let i = k + 1; i < n; i++) {
      v[i] = a[i * n + k]! - (i === k + 1 ? alpha : 0);
      norm += v[i]! ** 2;
    }
    norm = Math.sqrt(norm);
    for (let i = k + 1; i < n; i++) v[i]! /= norm;

    // a ← (I − 2 v vᵀ) a (I − 2 v vᵀ), by w = a v − (vᵀ a v) v: a ← a − 2 v wᵀ − 2 w vᵀ
    let along = 0;
    for (let i = k + 1; i < n; i++) {
      let sum = 0;
      for (let j = k + 1; j < n; j++) sum += a[i * n + j]! * v[j]!;
      w[i] = sum;
      along += v[i]! * sum;
    }
    for (let i = k + 1; i < n; i++) w[i]! -= along * v[i]!;
    for (let i = k + 1; i < n; i++) for (let j = k + 1; j < n; j++) a[i * n + j]! -= 2 * (v[i]! * w[j]! + w[i]! * v[j]!);
    a[(k + 1) * n + k] = alpha;

    w.fill(0);
    for (let i = k + 1; i < n; i++) for (let j = 0; j < n; j++) w[j]! += v[i]! * basis[i * n + j]!;
    for (let i = k + 1; i < n; i++) for (let j = 0; j < n; j++) basis[i * n + j]! -= 2 * v[i]! * w[j]!;
  }
  for (let k = 0; k + 1 < n; k++) below[k] = a[(k + 1) * n + k]!;
  return { diagonal: Float64Array.from({ length: n }, (_, i) => a[i * n + i]!), below, basis };
}

/** QL steps on T, in place, with every rotation applied to the rows of `basis`. */
function diagonalise(n: number, d: Float64Array, e: Float64Array, basis: Float64Array): void {
  for (let first = 0; first < n; first++) {
    for (let tries = 0; ; tries++) {
      let last = first;
      while (last + 1 < n && Math.abs(e[last]!) > Number.EPSILON * (Math.abs(d[last]!) + Math.abs(d[last + 1]!))) last++;
      if (last === first) break;
      if (tries === 60) throw new RangeError(`The eigenvalue ${first} of ${n} has not settled after ${tries} steps.`);
      stepQl(n, d, e, basis, first, last);
    }
  }
}

/** One implicit QL step on rows `first` … `last`, shifted by Wilkinson's estimate of the first eigenvalue. */
function stepQl(n: number, d: Float64Array, e: Float64Array, basis: Float64Array, first: number, last: number): void {
  const half = (d[first + 1]! - d[first]!) / (2 * e[first]!);
  let g = d[last]! - d[first]! + e[first]! / (half + Math.sign(half || 1) * Math.hypot(half, 1));
  let [s, c, p] = [1, 1, 0];
  for (let i = last - 1; i >= first; i--) {
    const f = s * e[i]!;
    const b = c * e[i]!;
    const r = Math.hypot(f, g);
    e[i + 1] = r;
    if (r === 0) {
      d[i + 1]! -= p; // the matrix has split here: the step begins anew
      e[last] = 0;
      return;
    }
    [s, c] = [f / r, g / r];
    g = d[i + 1]! - p;
    const t = (d[i]! - g) * s + 2 * c * b;
    p = s * t;
    d[i + 1] = g + p;
    g = c * t - b;
    for (let k = 0; k < n; k++) {
      const [x, y] = [basis[i * n + k]!, basis[(i + 1) * n + k]!];
      basis[(i + 1) * n + k] = s * x + c * y;
      basis[i * n + k] = c * x - s * y;
    }
  }
  d[first]! -= p;
  e[first] = g;
  e[last] = 0;
}
