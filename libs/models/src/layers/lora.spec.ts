import { expect, it } from 'vitest';
import { addProduct } from './lora.ts';

it('adds scale · up · down to the weight, rounding once', () => {
  const base = Float32Array.of(1, 2, 3, 4, 5, 6); // [2, 3]
  const up = Float32Array.of(1, 10, 2, 20); // [2, 2]
  const down = Float32Array.of(1, 2, 3, 0.5, 0, -1); // [2, 3]
  expect([...addProduct(base, up, down, 2, 0.5)]).toEqual([4, 3, -0.5, 10, 7, -1]);

  const third = addProduct(Float32Array.of(1), Float32Array.of(1 / 3, 1 / 3), Float32Array.of(2 ** -24, 2 ** -24), 2, 1);
  expect(third[0]).toBe(Math.fround(1 + (2 * Math.fround(1 / 3)) / 2 ** 24));
});
