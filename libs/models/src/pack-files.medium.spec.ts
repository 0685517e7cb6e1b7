import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findWeights, readJsonFile, weightVariants } from './pack-files.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pack-files-'));
});
afterEach(() => rm(dir, { recursive: true }));

const write = (files: Readonly<Record<string, unknown>>) =>
  Promise.all(
    Object.entries(files).map(([name, content]) =>
      writeFile(join(dir, name), typeof content === 'string' ? content : JSON.stringify(content)),
    ),
  );
const index = (...names: string[]) => ({ weight_map: Object.fromEntries(names.map((name, i) => [`key${i}`, name])) });

describe('findWeights', () => {
  it('prefers safetensors to pickles, one file to parts, and takes nothing of another variant', async () => {
    await write({ 'pytorch_model.bin': '', 'model.fp16.safetensors': '' });
    expect(await findWeights(dir)).toEqual({ files: ['pytorch_model.bin'] });
    expect(await findWeights(dir, 'fp16')).toEqual({ files: ['model.fp16.safetensors'] });
    await write({ 'model.safetensors.index.json': index('a.safetensors') });
    expect(await findWeights(dir)).toMatchObject({ index: { name: 'model.safetensors.index.json' }, files: ['a.safetensors'] });
    await write({ 'model.safetensors': '' });
    expect(await findWeights(dir)).toEqual({ files: ['model.safetensors'] });
  });

  it.each([
    ['diffusion_pytorch_model.safetensors.index.fp16.json', 'safetensors'],
    ['diffusion_pytorch_model.fp16.safetensors.index.json', 'safetensors'],
    ['pytorch_model.bin.index.fp16.json', 'bin'],
  ])('finds the parts of a variant by %s', async (name, extension) => {
    const parts = [`m.fp16-00001-of-00002.${extension}`, `m.fp16-00002-of-00002.${extension}`];
    await write({ [name]: index(...parts) });
    const found = await findWeights(dir, 'fp16');
    expect(found.files).toEqual(parts);
    expect([...found.index!.owners]).toEqual([
      ['key0', parts[0]],
      ['key1', parts[1]],
    ]);
  });

  it.each([
    ['a part above the folder', index('../secret.safetensors'), /weight_map\.key0/],
    ['a part by an absolute path', index('/etc/passwd'), /weight_map\.key0/],
    ['a part of another kind', index('run.sh'), /weight_map\.key0/],
    ['a map of numbers', { weight_map: { key0: 7 } }, /weight_map\.key0/],
    ['no map', { metadata: {} }, /weight_map/],
    ['an empty map', { weight_map: {} }, /names no weights/],
    ['a list', [1], /is no JSON object/],
    ['no JSON', '{', /cannot be read/],
  ])('refuses an index with %s', async (_, content, message) => {
    await write({ 'model.safetensors.index.json': content });
    await expect(findWeights(dir)).rejects.toMatchObject({ code: 'model_unavailable', message: expect.stringMatching(message) as unknown });
  });

  it('says what is there where there are no weights', async () => {
    await write({ 'config.json': '{}' });
    await expect(findWeights(dir)).rejects.toMatchObject({ detail: { file: dir, present: ['config.json'] } });
  });
});

describe('weightVariants', () => {
  it('lists the variants, the plain files first', async () => {
    await write({
      'diffusion_pytorch_model.fp16.safetensors': '',
      'diffusion_pytorch_model.non_ema.bin': '',
      'model.bf16-00001-of-00002.safetensors': '',
      'model-00001-of-00002.fp16.safetensors': '',
      'flax_model.msgpack': '',
    });
    expect(await weightVariants(dir)).toEqual(['bf16', 'fp16', 'non_ema']);
    await write({ 'diffusion_pytorch_model-00001-of-00002.safetensors': '' });
    expect(await weightVariants(dir)).toEqual([undefined, 'bf16', 'fp16', 'non_ema']);
    expect(await weightVariants(join(dir, 'absent'))).toEqual([]);
  });
});

describe('readJsonFile', () => {
  it('reads through links and refuses what is too long before reading it', async () => {
    await write({ 'a.json': { x: 1 } });
    await mkdir(join(dir, 'snapshot'));
    await symlink('../a.json', join(dir, 'snapshot/config.json'));
    expect(await readJsonFile(join(dir, 'snapshot/config.json'))).toEqual({ x: 1 });
    await expect(readJsonFile(join(dir, 'a.json'), 4)).rejects.toThrow(/has 7 bytes; a JSON file of a model has at most 4/);
    await expect(readJsonFile(join(dir, 'absent.json'))).rejects.toMatchObject({ detail: { file: join(dir, 'absent.json') } });
  });
});
