import { describe, expect, it } from 'vitest';
import { frechetDistance, gaussianOf, squareRoot, type Gaussian } from './frechet-distance.ts';

const gaussian = (mean: number[], rows: number[][]): Gaussian => ({
  mean: Float64Array.from(mean),
  covariance: { size: mean.length, data: Float64Array.from(rows.flat()) },
});

describe('frechetDistance', () => {
  it('is (μ₁ − μ₂)² + (σ₁ − σ₂)² in one dimension', () => {
    expect(frechetDistance(gaussian([1], [[4]]), gaussian([4], [[25]]))).toBeCloseTo(9 + 9, 12);
  });

  it('is the sum over the axes for covariances that commute', () => {
    const a = gaussian([0, 0, 0], [[1, 0, 0], [0, 4, 0], [0, 0, 0]]); // prettier-ignore
    const b = gaussian([2, 0, 1], [[9, 0, 0], [0, 16, 0], [0, 0, 1]]); // prettier-ignore
    expect(frechetDistance(a, b)).toBeCloseTo(5 + 4 + 4 + 1, 12);
  });

  it('knows a pair that does not commute: tr √(AB) of 2 × 2 is √(tr AB + 2 √det AB)', () => {
    const [a, b] = [[[2, 1], [1, 2]], [[5, -2], [-2, 1]]] as [number[][], number[][]]; // prettier-ignore
    const traceOfProduct = 2 * 5 - 2 - 2 + 2; // 8
    const root = Math.sqrt(traceOfProduct + 2 * Math.sqrt(3 * 1));
    expect(frechetDistance(gaussian([0, 0], a), gaussian([0, 0], b))).toBeCloseTo(4 + 6 - 2 * root, 12);
  });

  it('is the work of the optimal map: when Y = TX with T symmetric and positive, E‖X − TX‖²', () => {
    const n = 24;
    let state = 11;
    const random = () => (state = (state * 48271) % 0x7fffffff) / 0x7fffffff - 0.5;
    const factor = () => Array.from({ length: n }, () => Array.from({ length: n }, random));
    const times = (a: number[][], b: number[][]) => a.map((row) => b[0]!.map((_, j) => row.reduce((sum, x, k) => sum + x * b[k]![j]!, 0)));
    const positive = (m: number[][]) => times(m, m.map((_, i) => m.map((row) => row[i]!))); // prettier-ignore
    const [covariance, map] = [positive(factor()), positive(factor())];
    const moved = map.map((row, i) => row.map((x, j) => Number(i === j) - x));
    const work = times(times(moved, covariance), moved).reduce((sum, row, i) => sum + row[i]!, 0);
    const nowhere = new Array<number>(n).fill(0);
    const distance = frechetDistance(gaussian(nowhere, covariance), gaussian(nowhere, times(times(map, covariance), map)));
    expect(Math.abs(distance - work) / work).toBeLessThan(1e-9);
  });

  it('does not change when both sets are turned, and is zero of a set to itself', () => {
    const [c, s] = [Math.cos(0.7), Math.sin(0.7)];
    const points = [[1, 2], [3, -1], [0, 5], [2, 2], [-4, 1]]; // prettier-ignore
    const others = [[0, 1], [1, -3], [5, 5], [2, 0]]; // prettier-ignore
    const turned = (set: number[][]) => set.map(([x, y]) => [c * x! - s * y!, s * x! + c * y!]);
    const distance = frechetDistance(gaussianOf(points), gaussianOf(others));
    expect(frechetDistance(gaussianOf(turned(points)), gaussianOf(turned(others)))).toBeCloseTo(distance, 10);
    expect(frechetDistance(gaussianOf(points), gaussianOf(points))).toBeLessThan(1e-12);
  });

  it('takes fewer vectors than dimensions, whose covariance is singular', () => {
    const [a, b] = [[[0, 0, 0], [2, 0, 0]], [[0, 1, 0], [0, 3, 0]]] as [number[][], number[][]]; // prettier-ignore
    expect(frechetDistance(gaussianOf(a), gaussianOf(b))).toBeCloseTo(1 + 4 + 2 + 2, 12); // the variances lie across one another
  });
});

describe('gaussianOf', () => {
  it('divides by n − 1', () => {
    const { mean, covariance } = gaussianOf([[1, 2], [3, 6]]); // prettier-ignore
    expect([...mean]).toEqual([2, 4]);
    expect([...covariance.data]).toEqual([2, 4, 4, 8]);
    expect(() => gaussianOf([[1]])).toThrow(/needs two vectors/);
  });
});

it('squareRoot times itself is the matrix', () => {
  const root = squareRoot({ size: 2, data: Float64Array.of(5, 4, 4, 5) });
  expect([...root.data]).toEqual([expect.closeTo(2, 12), expect.closeTo(1, 12), expect.closeTo(1, 12), expect.closeTo(2, 12)]);
});
