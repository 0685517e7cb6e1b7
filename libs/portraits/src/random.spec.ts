import { describe, expect, it } from 'vitest';
import { Random } from './random.ts';

const draws = (random: Random, count = 1000) => Array.from({ length: count }, () => random.uniform());

describe('Random', () => {
  it('repeats a stream and keeps streams apart', () => {
    expect(draws(new Random(3, 1), 8)).toEqual(draws(new Random(3, 1), 8));
    const firsts = new Set(
      [[3, 2], [2, 3], [3], [3, 1, 0], [3 + 2 ** 32, 1], [4, 1]].map((stream) => draws(new Random(...stream), 2).join()),
    );
    expect(firsts.size).toBe(6);
    // Neighbouring streams are as unlike as any two: the correlation of 1,000 draws has a deviation of 1/√1000.
    const [a, b] = [draws(new Random(0, 0)), draws(new Random(0, 1))];
    const correlation = a.reduce((sum, x, i) => sum + (x - 0.5) * (b[i]! - 0.5), 0) / (1000 / 12);
    expect(Math.abs(correlation)).toBeLessThan(0.13);
  });

  it('is uniform, Gaussian and weighted as asked', () => {
    const random = new Random(5);
    const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
    expect(mean(draws(random, 20_000))).toBeCloseTo(0.5, 1);
    const normals = Array.from({ length: 20_000 }, () => random.normal(2, 3));
    expect(mean(normals)).toBeCloseTo(2, 0);
    expect(Math.max(...normals)).toBeLessThanOrEqual(2 + 2.5 * 3);
    const picks = Array.from({ length: 10_000 }, () => random.weighted({ rare: 1, often: 9, never: 0 }));
    expect(picks.filter((pick) => pick === 'rare').length / 10_000).toBeCloseTo(0.1, 1);
    expect(picks).not.toContain('never');
  });
});
