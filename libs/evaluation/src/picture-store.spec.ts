import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PictureStore } from './picture-store.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pictures-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('PictureStore', () => {
  it('makes a picture once for a recipe, and again for another', async () => {
    const store = new PictureStore(join(folder, 'pictures'));
    const make = vi.fn(async () => Uint8Array.of(1, 2, 3));
    expect(await store.isEmpty()).toBe(true);
    const first = await store.get({ seed: 1 }, make);
    expect(first).toMatchObject({ isNew: true, name: expect.stringMatching(/^[0-9a-f]{24}\.png$/) as unknown });
    const again = await new PictureStore(join(folder, 'pictures')).get({ seed: 1 }, make);
    expect(again).toMatchObject({ isNew: false, name: first.name });
    expect([...again.bytes]).toEqual([1, 2, 3]);
    expect((await store.get({ seed: 2 }, make)).name).not.toBe(first.name);
    expect(make).toHaveBeenCalledTimes(2);
    expect(await store.isEmpty()).toBe(false);
  });

  it('keeps nothing of a picture that was not finished', async () => {
    const store = new PictureStore(folder);
    await expect(store.get({ seed: 1 }, () => Promise.reject(new Error('cut off')))).rejects.toThrow('cut off');
    await writeFile(join(folder, '.half-written.png.17'), 'PNG'); // what a kill leaves behind
    expect(await store.isEmpty()).toBe(true);
    await store.get({ seed: 1 }, async () => Uint8Array.of(9));
    expect((await readdir(folder)).filter((name) => name.endsWith('.png'))).toHaveLength(1);
  });
});
