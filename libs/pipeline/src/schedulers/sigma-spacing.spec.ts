import { describe, expect, it } from 'vitest';
import { betaQuantile } from './sigma-spacing.ts';

describe('betaQuantile', () => {
  it.each([
    // scipy.stats.beta.ppf(p, 0.6, 0.6)
    [0, 0.0],
    [1e-9, 1.85588246249141e-15],
    [0.001, 1.855873851745199e-5],
    [0.05, 0.012554456873611399],
    [0.25, 0.17568037865269498],
    [0.5, 0.5000000000000001],
    [0.6, 0.6372990092467856],
    [0.9, 0.9604155944112192],
    [0.999, 0.9999814412614826],
    [1, 1.0],
  ])('of %d is %d', (p, expected) => {
    expect(betaQuantile(p, 0.6)).toBeCloseTo(expected, 14);
  });
});
