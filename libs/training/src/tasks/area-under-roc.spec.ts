import { expect, it } from 'vitest';
import { areaUnderRoc } from './area-under-roc.ts';

const at = (subject: number, angle: number) => ({ subject, embedding: Float32Array.of(3 * Math.cos(angle), 3 * Math.sin(angle)) });

it('is 1 when faces of one subject are nearer to each other than any two others, and falls with every pair out of order', () => {
  expect(areaUnderRoc([at(0, 0), at(0, 0.1), at(1, 1), at(1, 1.1)])).toBe(1);
  // Pairs of one subject: 0.1 and 0.8 apart; of two: 1, 1.8, 0.9, 1.7. All in order.
  expect(areaUnderRoc([at(0, 0), at(0, 0.1), at(1, 1), at(1, 1.8)])).toBe(1);
  // Now 0.1 and 1.5 apart against 0.4, 1.9, 0.3, 1.8: of 8 comparisons two are lost.
  expect(areaUnderRoc([at(0, 0), at(0, 0.1), at(1, 0.4), at(1, 1.9)])).toBeCloseTo(6 / 8);
  expect(areaUnderRoc([at(0, 0), at(0, 0), at(1, 0), at(1, 0)])).toBe(0.5);
});
