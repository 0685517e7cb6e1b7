import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { drawDataset, drawPortrait, identityFromVector, sampleOf, type DatasetEntry, type DatasetOptions } from './index.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'portraits-'));
});
afterEach(() => rm(root, { recursive: true }));

const draw = (name: string, options: DatasetOptions) => drawDataset(join(root, name), { size: 48, ...options });
const json = async (...path: string[]) => JSON.parse(await readFile(join(root, ...path), 'utf8')) as never;
const raw = async (path: string) =>
  sharp(await readFile(path))
    .raw()
    .toBuffer({ resolveWithObject: true });

describe('drawDataset', () => {
  it('leaves the folders and the JSON of FGID, and the portraits in them', async () => {
    const told: number[] = [];
    await draw('set', { count: 5, shots: 2, seed: 3, onProgress: (done) => told.push(done) });
    expect(told).toEqual([2, 4, 5]);
    const entries: DatasetEntry[] = await json('set', 'JSON_all.json');
    expect(entries.map(({ identity }) => identity)).toEqual(['000000', '000000', '000001', '000001', '000002']);
    expect(entries[3]).toEqual(await json('set', 'FGID_JSON', '000001', '1.json'));
    const { identity, shot } = sampleOf(3, 1, 1);
    const portrait = drawPortrait(identity, shot, { size: 48 });
    const entry = entries[3]!;
    expect(entries.map(({ plain }) => plain === true)).toEqual([true, false, true, expect.any(Boolean), true]);
    expect(entry.landmarks.map((share) => share * 48)).toEqual(Array.from(portrait.landmarks, (x) => expect.closeTo(x, 2) as number));
    expect([entry.vqa_llva, entry.vqa_llva_more_face_detail]).toEqual([portrait.caption, portrait.facialSentence]);
    for (const path of [entry.origin_IMG, entry.resize_IMG]) {
      const { data, info } = await raw(join(root, 'set', path));
      expect([info.width, info.height, info.channels, data.equals(Buffer.from(portrait.pixels))]).toEqual([48, 48, 3, true]);
    }
    const mask = sharp(await readFile(join(root, 'set', entry.parsing_mask_IMG)));
    expect(await mask.metadata()).toMatchObject({ channels: 1, depth: 'uchar' });
    expect((await mask.extractChannel(0).raw().toBuffer()).equals(Buffer.from(portrait.labels))).toBe(true);
    expect((await raw(join(root, 'set', entry.parsing_color_IMG))).info).toMatchObject({ width: 48, channels: 3 });
    const people: { identities: { id: string; vector: number[]; hairStyle: string; age: number }[] } = await json('set', 'identity.json');
    expect(people.identities.map(({ id }) => id)).toEqual(['000000', '000001', '000002']);
    const { vector, hairStyle, age } = people.identities[1]!;
    expect([hairStyle, age]).toEqual([identity.hairStyle, identity.age]);
    expect(identityFromVector(vector).age).toBeCloseTo(age, 3);
  });

  it('writes the same bytes for the same seed, however many threads draw, and others for another', async () => {
    for (const [name, seed, workers] of [['a', 7, 1], ['b', 7, 2], ['c', 8, 1]] as const) await draw(name, { count: 3, shots: 2, seed, workers }); // prettier-ignore
    const files = (await readdir(join(root, 'a'), { recursive: true, withFileTypes: true })).filter((file) => file.isFile());
    expect(files).toHaveLength(3 * 5 + 2);
    for (const { parentPath, name } of files) {
      const path = join(parentPath, name);
      expect((await readFile(path)).equals(await readFile(path.replace(join(root, 'a'), join(root, 'b'))))).toBe(true);
    }
    const picture = join('FGID_Origin', '000000', '0.png');
    expect((await readFile(join(root, 'a', picture))).equals(await readFile(join(root, 'c', picture)))).toBe(false);
  });

  it.each([
    ['count', { count: 0 }, /count 0 /],
    ['count', { count: 2.5 }, /count 2.5 /],
    ['shots', { count: 1, shots: Number.NaN }, /shots NaN /],
    ['size', { count: 1, size: 8 }, /size 8 is no whole number from 32 to 1024/],
    ['seed', { count: 1, seed: -1 }, /seed -1 /],
  ])('refuses a %s that is none: %o', async (_, options, message) => {
    await expect(draw('set', options)).rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringMatching(message) as unknown,
    });
    expect(await readdir(root)).toEqual([]);
  });

  it('does not mix a data set with what is there', async () => {
    await writeFile(join(root, 'mine.txt'), '');
    await expect(draw('.', { count: 1 })).rejects.toMatchObject({ code: 'folder_not_empty' });
    expect(await readdir(root)).toEqual(['mine.txt']);
  });
});
