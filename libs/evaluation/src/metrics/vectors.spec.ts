import { describe, expect, it } from 'vitest';
import { confidence95, cosine, mean, median, standardError } from './vectors.ts';

describe('vectors', () => {
  it('measures angles whatever the lengths', () => {
    expect(cosine([3, 0], [5, 0])).toBe(1);
    expect(cosine([1, 0], [0, 2])).toBe(0);
    expect(cosine([1, 1], [-2, -2])).toBeCloseTo(-1, 15);
    expect(cosine([1, 0], [1, 1])).toBeCloseTo(Math.SQRT1_2, 15);
    expect(cosine([0, 0], [1, 1])).toBe(0);
  });

  it('has no mean of nothing, and no error of one value', () => {
    expect(mean([1, 2, 6])).toBe(3);
    expect(mean([])).toBeNaN();
    expect(median([5, 1, 3])).toBe(3);
    expect(median([4, 1, 2, 9])).toBe(3);
    expect(standardError([1, 3])).toBe(1); // sd √2, over √2
    expect(standardError([1])).toBeNaN();
    expect(confidence95([1, 3])).toBeCloseTo(12.71, 10);
    expect(confidence95([1, 2, 3])).toBeCloseTo(4.3 / Math.sqrt(3), 10);
    expect(confidence95([1])).toBeNaN();
    expect(confidence95(Array.from({ length: 101 }, (_, i) => i % 2))).toBeCloseTo(
      2 * standardError(Array.from({ length: 101 }, (_, i) => i % 2)),
      12,
    );
  });
});
