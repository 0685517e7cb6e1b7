import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { PipelineError } from '../errors.ts';
import { decodePicture, decodePlain, MAX_PICTURE_BYTES } from './decode.ts';
import { encodePicture, outputFormats, readProvenance, type OutputFormat } from './encode.ts';
import type { Picture } from './picture.ts';

/** A picture without two equal rows or columns. */
const picture: Picture = {
  width: 80,
  height: 64,
  channels: 3,
  data: Uint8Array.from({ length: 80 * 64 * 3 }, (_, i) => [(i / 3) % 80, i / 240, i % 7][i % 3]! * 3),
};
const raw = () => sharp(picture.data, { raw: { width: 80, height: 64, channels: 3 } });

const refusal = (bytes: Uint8Array) =>
  decodePicture(bytes).then(
    () => 'read',
    (error: unknown) => {
      if (error instanceof PipelineError) return error;
      throw error;
    },
  );

describe('decodePicture', () => {
  it.each(['jpeg', 'png', 'webp', 'avif', 'tiff', 'gif'] as const)('reads %s by its bytes', async (format) => {
    const decoded = await decodePicture(await raw().toFormat(format).toBuffer());
    expect([decoded.width, decoded.height, decoded.channels]).toEqual([80, 64, 3]);
    const worst = decoded.data.reduce((most, value, i) => Math.max(most, Math.abs(value - picture.data[i]!)), 0);
    expect(worst).toBeLessThan(format === 'png' ? 1 : 80);
  });

  it('applies the EXIF orientation; decodePlain does not', async () => {
    const turned = await raw().jpeg().withMetadata({ orientation: 6 }).toBuffer();
    expect(await decodePicture(turned)).toMatchObject({ width: 64, height: 80 });
    expect(await decodePlain(turned)).toMatchObject({ width: 80, height: 64 });
  });

  it('lays alpha on white; decodePlain drops it', async () => {
    const clear = await raw().ensureAlpha(0).png().toBuffer();
    expect((await decodePicture(clear)).data.every((value) => value === 255)).toBe(true);
    expect((await decodePlain(clear)).data).toEqual(picture.data);
  });

  it('makes 8-bit RGB of 16 bits, grey and CMYK', async () => {
    const files = [
      raw().toColourspace('rgb16').png(),
      raw().toColourspace('grey16').png(),
      raw().greyscale().jpeg(),
      raw().toColourspace('cmyk').jpeg(),
    ];
    for (const file of files) expect(await decodePicture(await file.toBuffer())).toMatchObject({ width: 80, height: 64, channels: 3 });
  });

  it.each(['jpeg', 'png', 'webp', 'avif', 'tiff', 'gif'] as const)('refuses a %s that was cut', async (format) => {
    const bytes = await raw().toFormat(format).toBuffer();
    expect(await refusal(bytes.subarray(0, Math.floor(bytes.length * 0.6)))).toMatchObject({ code: 'image_unreadable' });
  });

  it.each([
    ['SVG', '<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100"/>'],
    ['PDF', '%PDF-1.7\n'],
    ['HEIC', '\0\0\0\x18ftypheic\0\0\0\0mif1heic'],
    ['nothing', ''],
  ])('refuses %s', async (_, text) => {
    expect(await refusal(Buffer.from(text, 'latin1'))).toMatchObject({ code: 'image_unreadable' });
  });

  it('refuses by size, before decoding', async () => {
    const sized = (width: number, height: number) =>
      sharp({ create: { width, height, channels: 3, background: 'red' } })
        .png()
        .toBuffer();
    expect(await refusal(await sized(63, 200))).toMatchObject({ code: 'image_too_small', detail: { width: 63, height: 200, minimum: 64 } });
    expect(await refusal(await sized(64, 64))).toBe('read');
    expect(await refusal(await sized(10_001, 5_000))).toMatchObject({ code: 'image_unreadable' });
    expect(await refusal(new Uint8Array(MAX_PICTURE_BYTES + 1))).toMatchObject({
      code: 'image_unreadable',
      detail: { bytes: MAX_PICTURE_BYTES + 1 },
    });
  });
});

describe('encodePicture', () => {
  const provenance = { parameters: 'a <man> & "dog", 日本 é\nSteps: 50, Seed: 7', software: 'Likeness 0.1' };

  it.each(Object.keys(outputFormats) as OutputFormat[])('%s carries its provenance', async (format) => {
    const bytes = await encodePicture(picture, format, provenance);
    expect(await readProvenance(bytes)).toEqual(provenance);
    expect(await decodePicture(bytes)).toMatchObject({ width: 80, height: 64 });
  });

  it('writes the PNG text other tools read', async () => {
    for (const parameters of ['plain', 'latin é', provenance.parameters]) {
      const bytes = await encodePicture(picture, 'png', { ...provenance, parameters });
      const { comments } = await sharp(bytes).metadata();
      expect(comments).toContainEqual({ keyword: 'parameters', text: parameters });
    }
  });

  it('adds nothing when there is nothing to say, and is lossless as PNG', async () => {
    const grey: Picture = { width: 64, height: 64, channels: 1, data: Uint8Array.from({ length: 4096 }, (_, i) => i % 19) };
    for (const original of [picture, grey]) {
      const bytes = await encodePicture(original, 'png');
      expect(await readProvenance(bytes)).toBeNull();
      expect(await decodePlain(bytes)).toEqual(original);
    }
  });
});
