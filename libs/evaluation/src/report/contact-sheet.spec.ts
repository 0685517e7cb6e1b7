import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { contactSheet, wrapped } from './contact-sheet.ts';

const picture = (background: string) =>
  sharp({ create: { width: 32, height: 32, channels: 3, background } })
    .png()
    .toBuffer();

describe('contactSheet', () => {
  it('has every picture in its place, and leaves out what there is not', async () => {
    const [red, blue] = [await picture('#f00'), await picture('#00f')];
    const sheet = await contactSheet({
      title: 'a <title> & more',
      columns: ['reference', 'wearing a black top hat and a monocle'],
      rows: [{ label: 'person 0', pictures: [red, blue] }, { label: 'person 1', pictures: [blue, null] }], // prettier-ignore
    });
    const { data, info } = await sharp(sheet).raw().toBuffer({ resolveWithObject: true });
    const top = info.height - 2 * (160 + 6) - 6;
    const at = (column: number, row: number) => {
      const offset = 3 * ((top + row * 166 + 80) * info.width + 96 + column * 166 + 80);
      return [...data.subarray(offset, offset + 3)];
    };
    expect([at(0, 0), at(1, 0), at(0, 1), at(1, 1)]).toEqual([[255, 0, 0], [0, 0, 255], [0, 0, 255], [255, 255, 255]]); // prettier-ignore
    expect(info.width).toBe(96 + 2 * 166 + 6);
  });

  it('breaks captions between words', () => {
    expect(wrapped('wearing a black top hat and a monocle', 22)).toEqual(['wearing a black top', 'hat and a monocle']);
    expect(wrapped('incomprehensibilities', 4)).toEqual(['incomprehensibilities']);
  });
});
