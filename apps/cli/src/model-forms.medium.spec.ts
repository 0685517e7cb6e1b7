import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addPack, loadPack, type PackParts } from '@likeness/models';
import { generatePortraits, openStages } from '@likeness/pipeline';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeModelSet, type Form } from './testing/model-set.ts';
import { tinyWeights, type TinyWeights } from './testing/tiny-weights.ts';

let dir: string;
let weights: TinyWeights;
let reference: Buffer;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'model-forms-'));
  weights = tinyWeights();
  reference = await readFile(new URL('../../../samples/portrait.jpg', import.meta.url));
});
afterAll(() => rm(dir, { recursive: true }));

const packs = () => join(dir, 'packs');
const like = (pattern: RegExp): unknown => expect.stringMatching(pattern);

/** The pixels of one portrait. */
async function portrait(name: string): Promise<Buffer> {
  const stages = await openStages(name, { packDirs: [packs()], weightsFolder: join(dir, 'weights') });
  try {
    const request = { prompt: 'A man wearing a santa hat', seed: 7, steps: 1, mergeStep: -1, width: 256, height: 256 };
    const { images } = await generatePortraits(stages, reference, request);
    return await sharp(images[0]!.bytes).raw().toBuffer();
  } finally {
    await stages.release();
  }
}

const forms: Record<string, Form> = {
  halves: { precision: 'F16', variant: 'fp16' },
  brains: { precision: 'BF16' },
  'mixed precisions': { precision: (key) => (['F32', 'F16', 'BF16'] as const)[key.length % 3]! },
  'parts with an index': { parts: 3, variant: 'fp16', precision: 'F16' },
  pickles: { extension: 'bin', oldParser: true },
  'pickles in parts': { extension: 'bin', parts: 2, adapter: 'sdxl names' },
  'the old names of the autoencoder': { oldAttention: true, adapter: 'flat safetensors' },
  'one safetensors file': { single: 'safetensors', precision: 'F16' },
  'one ckpt and a training dump': { single: 'ckpt', adapter: 'training dump' },
  'a training dump with tied adapters': { adapter: 'tied training dump', precision: 'BF16' },
};

describe('a model set', () => {
  let expected: Buffer;
  let paths: PackParts;
  beforeAll(async () => {
    paths = await writeModelSet(join(dir, 'plain'), weights);
    await addPack(packs(), { name: 'plain' }, paths);
    expected = await portrait('plain');
  });

  it('makes a picture', () => {
    expect(expected.length).toBe(256 * 256 * 3);
    expect(new Set(expected).size).toBeGreaterThan(100);
  });

  it.each(Object.entries(forms))('gives the same picture from %s', async (form, how) => {
    const name = form.replaceAll(' ', '-');
    await addPack(packs(), { name }, await writeModelSet(join(dir, name), weights, how));
    expect((await portrait(name)).equals(expected)).toBe(true);
    await rm(join(dir, name), { recursive: true });
  });

  it('is referred to where it lies, with the hash of every file that is used', async () => {
    const { folder, manifest } = await loadPack('plain', [packs()]);
    expect(await readlink(join(folder, 'base'))).toBe(paths.base);
    expect(await readdir(packs())).not.toContainEqual(like(/^\./));
    expect(manifest).toMatchObject({
      pipeline: 'consistentid-sd15',
      defaults: { width: 512, height: 768, steps: 50, scheduler: 'euler', merge_step: 0.6, guidance_scale: 5 },
      face_channel_order: 'reference',
      files: {
        'base/unet/config.json': { sha256: like(/^[0-9a-f]{64}$/) },
        'consistentid.bin': { bytes: (await readFile(paths.adapter)).length },
      },
    });
    expect(Object.keys((manifest as { files: object }).files)).toHaveLength(15);
  });

  it('must not change under a pack', async () => {
    const file = join(paths.base, 'unet/config.json');
    const before = await readFile(file);
    await writeFile(file, `${before.toString()} `);
    await expect(loadPack('plain', [packs()])).rejects.toMatchObject({
      code: 'model_unavailable',
      message: like(/base\/unet\/config\.json is a file of \d+ bytes; the pack was made with one of/),
    });
    await writeFile(file, before);
    await loadPack('plain', [packs()]);
  });

  it.each<[string, (paths: PackParts) => Partial<PackParts>, RegExp]>([
    [
      'a base that is no model',
      (p) => ({ base: p.imageEncoder }),
      /is no diffusers folder: it has no unet, but config\.json, model\.safetensors/,
    ],
    ['a part that is not there', () => ({ parser: '/absent.pth' }), /There is no \/absent\.pth, where the parser should be/],
    [
      'parts that are exchanged',
      (p) => ({ parser: p.adapter }),
      /ConsistentID-v1\.bin: "conv_out\.conv_out\.weight" of 4 dimensions is needed, found none/,
    ],
    ['an adapter that is none', (p) => ({ adapter: p.parser }), /face_parsing\.pth: \d+ tensors belong to no part of ConsistentID: "cp\./],
    [
      'a recogniser for a detector',
      (p) => ({ detector: p.recognizer }),
      /w600k_r50\.onnx is no face detector: it takes pictures of 112 × 112/,
    ],
    [
      'a detector for a recogniser',
      (p) => ({ recognizer: p.detector }),
      /det_10g\.onnx is no face recogniser: it takes pictures of 640 × 640/,
    ],
    [
      'a parser for a detector',
      (p) => ({ detector: p.parser }),
      /face_parsing\.pth: "backbone\.stem\.0\.weight" of 4 dimensions is needed, found none/,
    ],
    [
      'a parser for a recogniser',
      (p) => ({ recognizer: p.parser }),
      /face_parsing\.pth: "fc\.weight" of 2 dimensions is needed, found none/,
    ],
  ])('is not made with %s, and leaves nothing behind', async (_, change, message) => {
    const adding = addPack(packs(), { name: 'wrong' }, { ...paths, ...change(paths) });
    await expect(adding).rejects.toThrow(message);
    expect((await readdir(packs())).filter((name) => name.includes('wrong'))).toEqual([]);
  });

  it('keeps its name until it is told to give it up', async () => {
    await expect(addPack(packs(), { name: 'plain' }, paths)).rejects.toThrow(/There is a pack plain already/);
    await addPack(packs(), { name: 'plain', title: 'again' }, paths, { replace: true });
    expect((await loadPack('plain', [packs()])).manifest.title).toBe('again');
    await expect(addPack(packs(), { name: '../outside' }, paths)).rejects.toThrow(/"\.\.\/outside" is no name for a pack/);
  });
});
