import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drawnFolder } from '../testing/drawn-folder.ts';
import { holdOut, readFgid } from './fgid.ts';
import { pixelBatch, RasterFile } from './raster-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'fgid-'));
afterAll(() => rmSync(folder, { recursive: true }));
const drawn = join(folder, 'drawn');
beforeAll(() => drawnFolder(drawn, 5));

function folderOf(name: string, files: Readonly<Record<string, unknown>>): string {
  const root = join(folder, name);
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(join(root, file, '..'), { recursive: true });
    writeFileSync(join(root, file), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return root;
}

describe('a folder in the layout of FGID', () => {
  it('is read from JSON_all.json, with paths from the folder', () => {
    const records = readFgid(drawn);
    expect(records).toHaveLength(5);
    expect(records[2]).toEqual({
      picture: join(drawn, 'FGID_resize/2_resize.png'),
      labels: join(drawn, 'FGID_parsing_mask/2_mask.png'),
      caption: 'Head 2.',
      facialCaption: undefined,
      more: {},
    });
  });

  it('is read from one JSON a picture, in the order of names, and keeps what else they say', () => {
    const root = folderOf('single', {
      'a.png': '',
      'FGID_JSON/x/2.json': { origin_IMG: './a.png', vqa_llva_more_face_detail: 'A nose.', landmarks: [[1, 2]] },
      'FGID_JSON/x/1.json': { IMG: 'a.png' },
    });
    expect(readFgid(root).map(({ facialCaption, more }) => ({ facialCaption, more }))).toEqual([
      { facialCaption: undefined, more: {} },
      { facialCaption: 'A nose.', more: { landmarks: [[1, 2]] } },
    ]);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['empty', { 'JSON_all.json': [] }, /holds no pictures/],
    ['without a picture in an entry', { 'JSON_all.json': [{ vqa_llva: 'A man.' }] }, /JSON_all\.json\[0\] names no picture/],
    ['with a field of the wrong kind', { 'JSON_all.json': [{ resize_IMG: 7 }] }, /JSON_all\.json\[0\]\.resize_IMG .*expected string/],
    [
      'with a picture missing',
      { 'JSON_all.json': [{ resize_IMG: 'gone.png' }] },
      /JSON_all\.json\[0\] names gone\.png, which is not there/,
    ],
    ['damaged', { 'JSON_all.json': '[{' }, /JSON_all\.json is no JSON/],
  ])('is refused %s', (name, files, message) => {
    const root = folderOf(name, files);
    expect(() => readFgid(root)).toThrow(expect.objectContaining({ code: 'dataset_invalid', message: expect.stringMatching(message) }));
  });

  it('is divided into what is learned from and what is not', () => {
    expect(holdOut([1, 2, 3, 4], 1)).toEqual({ learned: [1, 2, 3], heldOut: [4] });
    expect(() => holdOut([1, 2], 2)).toThrow('2 pictures cannot be held out of 2.');
  });
});

describe('a raster file', () => {
  const cacheFolder = join(folder, 'cache');
  const open = (kind: 'picture' | 'labels', size: number) =>
    RasterFile.open(
      readFgid(drawn).map(({ picture, labels }) => (kind === 'picture' ? picture : labels!)),
      { kind, size, cacheFolder },
    );

  it('holds the pictures as they are, and is made once', async () => {
    const pictures = await open('picture', 32);
    const { picture } = readFgid(drawn)[3]!;
    expect(Buffer.from(pictures.read(3))).toEqual(await sharp(picture).raw().toBuffer());
    pictures.close();
    const before = readdirSync(cacheFolder);
    (await open('picture', 32)).close();
    expect(readdirSync(cacheFolder)).toEqual(before);
    (await open('picture', 16)).close();
    expect(readdirSync(cacheFolder)).toHaveLength(before.length + 1);
  });

  it('keeps the values of labels, at any size', async () => {
    for (const size of [32, 16, 48]) {
      const labels = await open('labels', size);
      const values = new Set([0, 1, 2, 3, 4].flatMap((i) => [...labels.read(i)]));
      expect([...values].toSorted((a, b) => a - b)).toEqual([0, 1, 4]);
      labels.close();
    }
  });

  it('gives batches of −1…1, colour by colour', async () => {
    const pictures = await open('picture', 32);
    const batch = pixelBatch(pictures, [4, 1]);
    const [second, at] = [pictures.read(1), 5 * 32 + 7];
    expect(batch).toHaveLength(2 * 3 * 32 * 32);
    for (const c of [0, 1, 2]) expect(batch[(3 + c) * 1024 + at]).toBeCloseTo(second[3 * at + c]! / 127.5 - 1, 6);
    pictures.close();
  });

  it('names a file that is no picture, and leaves nothing behind', async () => {
    const broken = folderOf('broken', { 'a.png': 'no picture' });
    const options = { kind: 'picture', size: 8, cacheFolder: join(broken, 'cache') } as const;
    await expect(RasterFile.open([join(broken, 'a.png')], options)).rejects.toMatchObject({
      code: 'dataset_invalid',
      message: expect.stringContaining('a.png cannot be read as a picture'),
    });
    expect(readdirSync(options.cacheFolder)).toEqual([]);
  });
});
