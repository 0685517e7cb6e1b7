import { expect, it } from 'vitest';
import { Random } from '../random.ts';
import { Covariance } from './principal-components.ts';

it('finds the directions and variances that the vectors were made with', () => {
  const n = 12;
  const random = new Random(4);
  const { directions: basis } = (() => {
    const any = new Covariance(n); // some orthonormal basis
    for (let i = 0; i < 50; i++) any.add(Float64Array.from(random.normals(n)));
    return any.components();
  })();
  const deviations = [5, 3, 2, 1];
  const covariance = new Covariance(n);
  for (let i = 0; i < 20_000; i++) {
    const x = new Float64Array(n).fill(7);
    for (const [k, deviation] of deviations.entries()) {
      const z = deviation * random.normal();
      for (let j = 0; j < n; j++) x[j]! += z * basis[k]![j]!;
    }
    covariance.add(x);
  }
  const { mean, directions, variances } = covariance.components();
  for (const m of mean) expect(Math.abs(m - 7)).toBeLessThan(0.1);
  for (const [k, deviation] of deviations.entries()) {
    expect(Math.sqrt(variances[k]!)).toBeCloseTo(deviation, 1);
    const cosine = directions[k]!.reduce((sum, x, j) => sum + x * basis[k]![j]!, 0);
    expect(Math.abs(cosine)).toBeGreaterThan(0.999);
    expect(Math.hypot(...directions[k]!)).toBeCloseTo(1, 10);
  }
  expect(variances.slice(4).every((v) => v < 1e-9)).toBe(true);
});
