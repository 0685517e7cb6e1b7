import { describe, expect, it } from 'vitest';
import { symmetricEigen, type SquareMatrix } from './symmetric-eigen.ts';

const matrix = (rows: number[][]): SquareMatrix => ({ size: rows.length, data: Float64Array.from(rows.flat()) });

/** Vᵀ Λ V must be the matrix, and V Vᵀ one. */
function expectDecomposed(m: SquareMatrix): void {
  const { values, vectors } = symmetricEigen(m);
  const { size: n } = m;
  const scale = Math.max(...m.data.map(Math.abs));
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      let [rebuilt, inner] = [0, 0];
      for (let k = 0; k < n; k++) {
        rebuilt += values[k]! * vectors.data[k * n + i]! * vectors.data[k * n + j]!;
        inner += vectors.data[i * n + k]! * vectors.data[j * n + k]!;
      }
      expect(Math.abs(rebuilt - m.data[i * n + j]!)).toBeLessThanOrEqual(1e-12 * n * scale);
      expect(Math.abs(inner - Number(i === j))).toBeLessThan(1e-12 * n);
    }
  }
}

describe('symmetricEigen', () => {
  it('knows the eigenvalues of a 2 × 2 matrix', () => {
    const { values } = symmetricEigen(matrix([[2, 1], [1, 2]])); // prettier-ignore
    expect([...values].sort((a, b) => a - b)).toEqual([expect.closeTo(1, 14), expect.closeTo(3, 14)]);
  });

  it('knows those of the second difference, 2 − 2 cos(kπ / (n + 1))', () => {
    const n = 12;
    const rows = Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => (i === j ? 2 : Math.abs(i - j) === 1 ? -1 : 0)));
    const values = [...symmetricEigen(matrix(rows)).values].sort((a, b) => a - b);
    for (const [k, value] of values.entries()) expect(value).toBeCloseTo(2 - 2 * Math.cos(((k + 1) * Math.PI) / (n + 1)), 12);
  });

  it('decomposes dense, diagonal, singular and split matrices', () => {
    let state = 7;
    const random = () => (state = (state * 48271) % 0x7fffffff) / 0x7fffffff - 0.5;
    const n = 40;
    const half = Array.from({ length: n }, () => Array.from({ length: n }, random));
    expectDecomposed(matrix(half.map((row, i) => row.map((x, j) => x + half[j]![i]!))));
    expectDecomposed(matrix([[3, 0, 0], [0, -1, 0], [0, 0, 3]])); // prettier-ignore
    expectDecomposed(matrix([[1, 1, 1], [1, 1, 1], [1, 1, 1]])); // prettier-ignore
    expectDecomposed(matrix([[2, 1, 0, 0], [1, 2, 0, 0], [0, 0, 5, 1], [0, 0, 1, 5]])); // prettier-ignore
    expectDecomposed(matrix([[0, 0], [0, 0]])); // prettier-ignore
    expectDecomposed(matrix([[1e-12, 1e-12], [1e-12, 1e12]])); // prettier-ignore
  });

  it('refuses what is not finite', () => {
    expect(() => symmetricEigen(matrix([[NaN]]))).toThrow(/not finite/);
  });
});
