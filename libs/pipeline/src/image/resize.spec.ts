import { describe, expect, it } from 'vitest';
import { PipelineError } from '../errors.ts';
import type { Picture } from './picture.ts';
import { resizeOpenCv, resizePillow } from './resize.ts';

const grey = (width: number, height: number, ...data: number[]): Picture => ({ width, height, channels: 1, data: Uint8Array.from(data) });
const row = (picture: Picture) => [...picture.data];

describe('resizePillow', () => {
  it('enlarges an edge evenly', () => {
    expect(row(resizePillow(grey(2, 1, 0, 255), 4, 1, 'bilinear'))).toEqual([0, 64, 191, 255]);
    for (const filter of ['bicubic', 'lanczos'] as const) {
      const edge = row(resizePillow(grey(2, 1, 0, 255), 4, 1, filter));
      expect(edge).toEqual(edge.map((v) => 255 - v).reverse());
      expect(edge[1]).toBeLessThan(64); // steeper than bilinear
    }
  });

  it('averages over all pixels when shrinking', () => {
    expect(row(resizePillow(grey(8, 1, 0, 0, 255, 0, 0, 0, 255, 0), 2, 1, 'bilinear'))).toEqual([64, 73]); // 255 · 0.25 and 255 · (0.125 + 0.875) / 3.5
  });

  it('rounds to 8 bits between the passes, rows first', () => {
    // the upper row becomes 0.5 → 1, and with the lower 0 again 0.5 → 1; in one pass it would be 0.25 → 0
    expect(row(resizePillow(grey(2, 2, 1, 0, 0, 0), 1, 1, 'bilinear'))).toEqual([1]);
    expect(row(resizePillow(grey(2, 2, 1, 0, 0, 0), 1, 2, 'bilinear'))).toEqual([1, 0]);
  });

  it('keeps a flat picture flat, and a picture of the same size as it is', () => {
    const flat = grey(5, 7, ...new Array<number>(35).fill(201));
    for (const filter of ['bilinear', 'bicubic', 'lanczos'] as const) {
      expect(new Set(resizePillow(flat, 13, 3, filter).data)).toEqual(new Set([201]));
    }
    expect(resizePillow(flat, 5, 7, 'bicubic').data).toEqual(flat.data);
  });

  it('treats the channels alike', () => {
    const one = Uint8Array.from({ length: 30 }, (_, i) => (i * 97) % 256);
    const three: Picture = { width: 6, height: 5, channels: 3, data: Uint8Array.from({ length: 90 }, (_, i) => one[Math.floor(i / 3)]!) };
    const [l, rgb] = [resizePillow({ width: 6, height: 5, channels: 1, data: one }, 9, 4, 'bicubic'), resizePillow(three, 9, 4, 'bicubic')];
    expect(rgb.data).toEqual(Uint8Array.from({ length: 108 }, (_, i) => l.data[Math.floor(i / 3)]!));
  });

  it('refuses an impossible size', () => {
    expect(() => resizePillow(grey(2, 1, 0, 1), 0, 1, 'bicubic')).toThrow(PipelineError);
  });
});

describe('resizeOpenCv', () => {
  it('interpolates without antialias, and repeats the edge', () => {
    expect(row(resizeOpenCv(grey(2, 1, 0, 255), 4, 1, 'linear'))).toEqual([0, 64, 191, 255]);
    expect(row(resizeOpenCv(grey(8, 1, 9, 1, 2, 9, 9, 3, 4, 9), 2, 1, 'linear'))).toEqual([2, 4]); // between the middle two of each four
  });

  it('averages blocks only when both sides are exactly halved', () => {
    const tiles = [10, 11, 0, 0, 12, 14, 0, 255];
    expect(row(resizeOpenCv(grey(4, 2, ...tiles), 2, 1, 'linear'))).toEqual([12, 64]);
    expect(row(resizeOpenCv(grey(4, 2, ...tiles), 2, 2, 'linear'))).toEqual([11, 0, 13, 128]);
  });

  it('takes the pixel at the scaled index as nearest', () => {
    expect(row(resizeOpenCv(grey(5, 1, 0, 1, 2, 3, 4), 3, 1, 'nearest'))).toEqual([0, 1, 3]);
    expect(row(resizeOpenCv(grey(2, 1, 0, 1), 5, 1, 'nearest'))).toEqual([0, 0, 0, 1, 1]);
  });
});
