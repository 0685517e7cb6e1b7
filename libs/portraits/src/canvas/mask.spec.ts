import { describe, expect, it } from 'vitest';
import { coverage, intersect, soften, subtract } from './mask.ts';
import { ellipse, rectangle } from './path.ts';

const area = ({ alpha }: { alpha: Float32Array }) => alpha.reduce((sum, a) => sum + a, 0);

describe('coverage', () => {
  it('is the exact share of every pixel', () => {
    // From 1.25 to 2.5 across and 1 to 2.5 down, in pixels of a side of 4.
    const mask = coverage(rectangle(1.25 / 4, 1 / 4, 2.5 / 4, 2.5 / 4), 4);
    expect([mask.x, mask.y, mask.width, mask.height]).toEqual([1, 1, 2, 2]);
    expect(Array.from(mask.alpha)).toEqual([0.75, 0.5, 0.375, 0.25]);
  });

  it('has the area of the shape, whichever way round it runs', () => {
    const path = ellipse(0.5, 0.5, 0.3, 0.2, 0.4, 200);
    const backwards = Array.from({ length: path.length / 2 }, (_, i) => path.slice(path.length - 2 * i - 2, path.length - 2 * i)).flat();
    for (const outline of [path, backwards]) expect(area(coverage(outline, 64)) / 64 ** 2).toBeCloseTo(Math.PI * 0.06, 3);
  });

  it('is cut at the edges of the canvas', () => {
    expect(area(coverage(rectangle(-1, -1, 2, 0.5), 8))).toBeCloseTo(32, 5);
    expect(coverage(rectangle(1.2, 0, 2, 1), 8).alpha.length).toBe(0);
  });
});

describe('masks', () => {
  it('of two shapes add up: what is in both, and what is left of the first', () => {
    const [a, b] = [coverage(ellipse(0.4, 0.5, 0.3), 50), coverage(ellipse(0.6, 0.4, 0.25), 50)];
    expect(area(intersect(a, b)) + area(subtract(a, b))).toBeCloseTo(area(a), 2);
  });

  it('keep their area when they are softened away from the edges', () => {
    const mask = coverage(ellipse(0.5, 0.5, 0.2), 60);
    expect(area(soften(mask, 3, 60))).toBeCloseTo(area(mask), 1);
  });
});
