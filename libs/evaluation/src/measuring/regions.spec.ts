import { blankPicture } from '@likeness/pipeline';
import { describe, expect, it } from 'vitest';
import { enlarged } from './measure-networks.ts';
import { cropToRegion } from './observer.ts';

describe('cropToRegion', () => {
  it('is the bounding box of what is brighter than 10', () => {
    const image = blankPicture(6, 5);
    const paint = (x: number, y: number, level: number) => image.data.fill(level, 3 * (y * 6 + x), 3 * (y * 6 + x) + 3);
    paint(0, 0, 10); // black still
    paint(2, 1, 11);
    paint(4, 3, 200);
    const crop = cropToRegion(image)!;
    expect([crop.width, crop.height]).toEqual([3, 3]);
    expect([crop.data[0], crop.data.at(-1)]).toEqual([11, 200]);
    expect(cropToRegion(blankPicture(4, 4))).toBeNull();
  });
});

describe('enlarged', () => {
  it('repeats classes over the nearest pixels, and leaves a map of the right size as it is', () => {
    const labels = { width: 2, height: 2, data: Uint8Array.of(1, 2, 3, 4) };
    expect([...enlarged(labels, 4)]).toEqual([1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4]);
    expect(enlarged(labels, 2)).toBe(labels.data);
  });
});
