import { expect, it } from 'vitest';
import { guide, rowOfStep } from './guidance.ts';

it('guides from the row without the prompt past the row with it', () => {
  expect([...guide(Float32Array.of(1, 2, 3, 1), 5)]).toEqual([11, -3]);
  expect([...guide(Float32Array.of(1, 2, 3, 1), 1)]).toEqual([3, 1]);
});

it('brings the fine-grained face in after the merge step', () => {
  expect([0, 1, 2, 3].map((i) => rowOfStep(i, 1))).toEqual(['text', 'text', 'augmented', 'augmented']);
  expect(rowOfStep(0, -1)).toBe('augmented');
});
