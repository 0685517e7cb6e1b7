import { expect, it } from 'vitest';
import { Random } from './random.ts';

const draw = (random: Random, count = 5) => Array.from({ length: count }, () => random.next());

it('follows from seed and label', () => {
  expect(draw(new Random(1, 'batch', 7))).toEqual(draw(new Random(1, 'batch', 7)));
  expect(draw(new Random(1, 'batch', 7))).not.toEqual(draw(new Random(1, 'batch', 8)));
  expect(draw(new Random(1, 'batch', 7))).not.toEqual(draw(new Random(2, 'batch', 7)));
  expect(draw(new Random(1, 'a', 'bc'))).not.toEqual(draw(new Random(1, 'ab', 'c')));
});

it('has the moments it says', () => {
  const count = 100_000;
  const normals = new Random(5).normals(count, 2);
  const mean = normals.reduce((a, b) => a + b, 0) / count;
  expect(Math.abs(mean)).toBeLessThan(0.03);
  expect(Math.sqrt(normals.reduce((sum, x) => sum + (x - mean) ** 2, 0) / count)).toBeCloseTo(2, 1);
  const dice = new Random(6);
  const faces = new Array<number>(6).fill(0);
  for (let i = 0; i < 60_000; i++) faces[dice.integer(6)]! += 1;
  for (const n of faces) expect(Math.abs(n - 10_000)).toBeLessThan(400);
});
