import { expect, it } from 'vitest';
import { learningRateAt, type Schedule } from './schedule.ts';

const cosine: Schedule = { learningRate: 1, warmup: 10, schedule: 'cosine', finalShare: 0.1 };
const at = (step: number, schedule = cosine) => learningRateAt(step, 110, schedule);

it('rises to its height in the warm-up', () => {
  expect([at(1), at(5), at(10)]).toEqual([0.1, 0.5, 1]);
});

it('falls along half a cosine to its end', () => {
  expect(at(60)).toBeCloseTo(0.55, 12);
  expect(at(11)).toBeGreaterThan(0.999);
  expect(at(110)).toBeCloseTo(0.1, 12);
});

it('stays, where it is constant', () => {
  const constant: Schedule = { ...cosine, schedule: 'constant' };
  expect([at(5, constant), at(11, constant), at(110, constant)]).toEqual([0.5, 1, 1]);
  expect(at(1, { ...constant, warmup: 0 })).toBe(1);
});
