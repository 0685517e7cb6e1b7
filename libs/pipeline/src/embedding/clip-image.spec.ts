import { expect, it } from 'vitest';
import type { Picture } from '../image/picture.ts';
import { ClipImageConfig, clipPixels } from './clip-image.ts';

const plainConfig = { do_resize: false, do_rescale: false, do_normalize: false };
const columns: Picture = { width: 5, height: 2, channels: 1, data: Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) };

it('makes [3, 224, 224] of any picture by default, normalised per channel', () => {
  const black: Picture = { width: 300, height: 100, channels: 3, data: new Uint8Array(90_000) };
  const { data, width, height } = clipPixels(black);
  expect([width, height, data.length]).toEqual([224, 224, 3 * 224 * 224]);
  expect(data[0]).toBeCloseTo(-0.48145466 / 0.26862954, 6);
  expect(data.at(-1)).toBeCloseTo(-0.40821073 / 0.27577711, 6);
});

it('crops the centre, with the odd pixel at the end', () => {
  const config = ClipImageConfig.parse({ ...plainConfig, crop_size: { width: 2, height: 2 } });
  expect([...clipPixels(columns, config).data.subarray(0, 4)]).toEqual([2, 3, 7, 8]);
});

it('lays a picture smaller than the crop on black, the larger border first', () => {
  const config = ClipImageConfig.parse({ ...plainConfig, crop_size: { width: 4, height: 5 } });
  expect([...clipPixels(columns, config).data.subarray(0, 20)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 6, 7, 8, 9, 0, 0, 0, 0]);
});

it('cuts the long side down to a whole number of pixels', () => {
  const config = ClipImageConfig.parse({ size: { shortest_edge: 10 }, do_center_crop: false });
  expect(clipPixels({ width: 59, height: 40, channels: 3, data: new Uint8Array(59 * 40 * 3) }, config)).toMatchObject({
    width: 14,
    height: 10,
  });
});
