import { describe, expect, it } from 'vitest';
import { toFloat16, toFloat32 } from './dtypes.ts';

const halves = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i);
const floats = toFloat32('F16', new Uint8Array(halves.buffer));
const isNaNHalf = (half: number) => (half & 0x7fff) > 0x7c00;

describe('toFloat16', () => {
  it('is exact for what a half can hold', () => {
    const back = toFloat16(floats);
    for (const half of halves) if (!isNaNHalf(half)) expect(back[half]).toBe(half);
    expect([...toFloat16(Float32Array.of(NaN))].map(isNaNHalf)).toEqual([true]);
  });

  it('takes the nearer of two neighbours, the even one half-way', () => {
    for (let half = 0; half < 0x7bff; half++) {
      const [low, high] = [floats[half]!, floats[half + 1]!];
      const middle = (low + high) / 2; // exact in float32
      const around = Float32Array.of(middle, middle * (1 - 2 ** -20), middle * (1 + 2 ** -20), -middle);
      const even = half % 2 === 0 ? half : half + 1;
      expect([...toFloat16(around)]).toEqual([even, half, half + 1, even | 0x8000]);
    }
  });

  it('makes what is too large infinite', () => {
    expect([...toFloat16(Float32Array.of(65519, 65520, -1e30, Infinity))]).toEqual([0x7bff, 0x7c00, 0xfc00, 0x7c00]);
  });
});
