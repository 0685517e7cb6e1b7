/** Principal components: the directions in which vectors vary most. */
export interface PrincipalComponents {
  readonly mean: Float64Array;
  /** Unit vectors, the one of the largest variance first. */
  readonly directions: readonly Float64Array[];
  /** Variance along each. */
  readonly variances: readonly number[];
}

/** Collects vectors one by one and keeps only their sums. */
export class Covariance {
  readonly #width: number;
  readonly #sum: Float64Array;
  /** The upper triangle of Σ x·xᵀ. */
  readonly #products: Float64Array;
  #count = 0;

  constructor(width: number) {
    this.#width = width;
    this.#sum = new Float64Array(width);
    this.#products = new Float64Array(width * width);
  }

  add(vector: Float64Array): void {
    const n = this.#width;
    for (let i = 0; i < n; i++) {
      const x = vector[i]!;
      this.#sum[i]! += x;
      for (let j = i; j < n; j++) this.#products[i * n + j]! += x * vector[j]!;
    }
    this.#count += 1;
  }

  components(): PrincipalComponents {
    const n = this.#width;
    const mean = this.#sum.map((x) => x / this.#count);
    const matrix = new Float64Array(n * n);
    for (let i = 0; i < n; i++)
      for (let j = i; j < n; j++) matrix[i * n + j] = matrix[j * n + i] = this.#products[i * n + j]! / this.#count - mean[i]! * mean[j]!;
    const { values, vectors } = eigen(matrix, n);
    const order = [...values.keys()].toSorted((a, b) => values[b]! - values[a]!);
    return { mean, directions: order.map((k) => vectors[k]!), variances: order.map((k) => Math.max(0, values[k]!)) };
  }
}

/** Eigenvalues and unit eigenvectors of a symmetric matrix [n, n], by Jacobi's rotations; the sign makes the largest element positive. */
function eigen(matrix: Float64Array, n: number): { values: number[]; vectors: Float64Array[] } {
  const a = matrix.slice();
  const rows = Array.from({ length: n }, (_, i) => Float64Array.from({ length: n }, (_v, j) => (i === j ? 1 : 0)));
  const scale = a.reduce((sum, x) => sum + x * x, 0);
  const outside = () => {
    let sum = 0;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) sum += a[p * n + q]! ** 2;
    return sum;
  };
  for (let sweep = 0; sweep < 60 && outside() > 1e-22 * scale; sweep++) {
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) if (a[p * n + q] !== 0) rotate(a, rows[p]!, rows[q]!, p, q, n);
  }
  for (const row of rows) {
    const largest = row.reduce((most, x) => (Math.abs(x) > Math.abs(most) ? x : most), 0);
    if (largest < 0) for (let i = 0; i < n; i++) row[i]! *= -1;
  }
  return { values: Array.from({ length: n }, (_, i) => a[i * n + i]!), vectors: rows };
}

/** Turns axes p and q so that a[p, q] becomes zero. */
function rotate(a: Float64Array, p0: Float64Array, q0: Float64Array, p: number, q: number, n: number): void {
  const theta = (a[q * n + q]! - a[p * n + p]!) / (2 * a[p * n + q]!);
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const c = 1 / Math.hypot(t, 1);
  const s = t * c;
  for (let k = 0; k < n; k++) {
    const [x, y] = [a[k * n + p]!, a[k * n + q]!];
    a[k * n + p] = c * x - s * y;
    a[k * n + q] = s * x + c * y;
  }
  for (let k = 0; k < n; k++) {
    const [x, y] = [a[p * n + k]!, a[q * n + k]!];
    a[p * n + k] = c * x - s * y;
    a[q * n + k] = s * x + c * y;
    const [u, v] = [p0[k]!, q0[k]!];
    p0[k] = c * u - s * v;
    q0[k] = s * u + c * v;
  }
}
