import { float32 } from '@likeness/inference';
import { describe, expect, it } from 'vitest';
import { previewPicture } from './preview.ts';

/** Every latent of a channel alike. */
const flat = (...channels: number[]) =>
  float32(
    [1, 4, 2, 3],
    Float32Array.from({ length: 24 }, (_, i) => channels[Math.floor(i / 6)]!),
  );
const pixel = (...channels: number[]) => Array.from(previewPicture(flat(...channels)).data.subarray(0, 3));

describe('previewPicture', () => {
  it('is four times as large as the latents', () => {
    expect(previewPicture(flat(0, 0, 0, 0))).toMatchObject({ width: 12, height: 8, channels: 3 });
  });

  it('is grey for nothing and follows the channels', () => {
    expect(pixel(0, 0, 0, 0)).toEqual([128, 128, 128]);
    const [red, green, blue] = pixel(0, 0, -1, 0);
    expect(red!).toBeGreaterThan(128);
    expect(green!).toBeLessThan(128);
    expect(blue!).toBeLessThan(green!);
  });

  it('does not drown in the noise of the first steps', () => {
    expect(pixel(14, 14, 14, 14)).toEqual(pixel(1, 1, 1, 1));
  });
});
