import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bundledPacks, listPacks, loadPack } from './catalog.ts';

const like = (pattern: RegExp): unknown => expect.stringMatching(pattern);

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'packs-'));
});
afterEach(() => rm(dir, { recursive: true }));

const copySketch = async (change: (manifest: Record<string, unknown>) => void) => {
  await cp(join(bundledPacks, 'sketch'), join(dir, 'sketch'), { recursive: true });
  const manifest = JSON.parse(await readFile(join(dir, 'sketch/pack.json'), 'utf8')) as Record<string, unknown>;
  change(manifest);
  await writeFile(join(dir, 'sketch/pack.json'), JSON.stringify(manifest));
};

describe('the packs of the repository', () => {
  it('are listed by name and say that they are not trained', async () => {
    const packs = await listPacks();
    expect(packs.map(({ manifest }) => [manifest.name, manifest.trained])).toEqual(
      expect.arrayContaining([
        ['noop', false],
        ['sketch', false],
      ]),
    );
  });

  it('have a digest that depends on the manifest alone', async () => {
    const { digest } = await loadPack('sketch');
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    await copySketch(() => {});
    expect((await loadPack('sketch', [dir])).digest).toBe(digest);
    await copySketch((m) => (m['version'] = '2'));
    expect((await loadPack('sketch', [dir])).digest).not.toBe(digest);
  });
});

describe('loadPack', () => {
  it('prefers the first folder that has the name', async () => {
    await copySketch((m) => (m['title'] = 'mine'));
    expect((await loadPack('sketch', [dir, bundledPacks])).manifest.title).toBe('mine');
    expect((await loadPack('noop', [dir, bundledPacks])).manifest.pipeline).toBe('noop');
  });

  it('names what there is when a pack is missing', async () => {
    await expect(loadPack('absent')).rejects.toMatchObject({
      code: 'model_unavailable',
      message: like(/"absent".*noop, .*sketch/),
    });
    await expect(loadPack('absent', [dir])).rejects.toThrow('No packs are installed.');
  });

  it('names the field of a manifest that is wrong', async () => {
    await copySketch((m) => (m['sizes'] = 'large'));
    await expect(loadPack('sketch', [dir])).rejects.toMatchObject({ code: 'model_unavailable', message: like(/sizes/) });
    await copySketch((m) => (m['name'] = 'other'));
    await expect(loadPack('sketch', [dir])).rejects.toThrow('calls itself "other"');
    await writeFile(join(dir, 'sketch/pack.json'), '{');
    await expect(loadPack('sketch', [dir])).rejects.toThrow('is no JSON');
  });

  it('names a file that the manifest promises and that is not there', async () => {
    await copySketch((m) => (m['detector'] = { file: 'det_10g.onnx' }));
    await expect(loadPack('sketch', [dir])).rejects.toMatchObject({
      code: 'model_unavailable',
      detail: { file: join(dir, 'sketch/det_10g.onnx') },
    });
    await writeFile(join(dir, 'sketch/det_10g.onnx'), 'x');
    const before = await loadPack('sketch', [dir]);
    await writeFile(join(dir, 'sketch/det_10g.onnx'), 'xy');
    expect((await loadPack('sketch', [dir])).digest).not.toBe(before.digest);
  });

  it('sees the files of a folder', async () => {
    await copySketch((m) => (m['tokenizer'] = 'tokenizer'));
    await mkdir(join(dir, 'sketch/tokenizer'));
    const empty = await loadPack('sketch', [dir]);
    await writeFile(join(dir, 'sketch/tokenizer/vocab.json'), '{}');
    expect((await loadPack('sketch', [dir])).digest).not.toBe(empty.digest);
  });
});
