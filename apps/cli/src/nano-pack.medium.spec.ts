/** A pack at the sizes of `nano`, from what training would leave to a picture: before it is trained, its numbers come from the hash rule. */
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCheckpoint, writeSafetensors } from '@likeness/graph';
import { bundlePack, loadDraft, loadPack, verifyFiles, type Bundle, type BundleOptions, type ConsistentIdPack } from '@likeness/models';
import { generatePortraits, ModelSet, openStages, parseFace, previewPicture, readIdentity, type Stages } from '@likeness/pipeline';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeNanoDraft } from './testing/nano-draft.ts';

const request = { prompt: 'A man wearing a santa hat', seed: 7, steps: 4 };

let dir: string;
let draft: string;
let bundled: Bundle;
let reference: Buffer;
let stages: Stages;
let plain: Buffer;
const packs = () => join(dir, 'packs');

async function bundle(into: string, options: Partial<BundleOptions> = {}, file = draft): Promise<Bundle> {
  const { manifest, ...rest } = await loadDraft(file);
  const documents = ['README.md', 'LICENSE'].map((name) => join(dir, 'draft', name));
  return bundlePack({ ...rest, manifest } as ConsistentIdPack, into, { documents, ...options });
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nano-'));
  draft = await writeNanoDraft(join(dir, 'draft'));
  bundled = await bundle(packs(), { maxBytes: 42e6 });
  reference = await readFile(new URL('../../../samples/portrait.jpg', import.meta.url));
  stages = await openStages('nano-shaped', { packDirs: [packs()], weightsFolder: join(dir, 'weights') });
  plain = await pixelsOf(stages);
});
afterAll(async () => {
  await stages.release();
  await rm(dir, { recursive: true });
});

const pixelsOf = async (from: Stages, change: object = {}) => {
  const { images } = await generatePortraits(from, reference, { ...request, ...change });
  return sharp(images[0]!.bytes).raw().toBuffer();
};

describe('a bundled pack', () => {
  it('has every network in the layout of diffusers, with the hash of every file, a card and a licence', async () => {
    const { manifest } = bundled;
    expect(Object.keys(manifest.files!).sort()).toEqual([
      'consistentid.safetensors',
      'detector.safetensors',
      'image_encoder/config.json',
      'image_encoder/model.safetensors',
      'parser.safetensors',
      'recognizer.safetensors',
      'scheduler/scheduler_config.json',
      'text_encoder/config.json',
      'text_encoder/model.safetensors',
      'tokenizer/merges.txt',
      'tokenizer/vocab.json',
      'unet/config.json',
      'unet/diffusion_pytorch_model.safetensors',
      'vae/config.json',
      'vae/diffusion_pytorch_model.safetensors',
    ]);
    const verified: string[] = [];
    for await (const { name } of verifyFiles(await loadPack('nano-shaped', [packs()]))) verified.push(name);
    expect(verified).toHaveLength(15);
    const card = await readFile(join(packs(), 'nano-shaped/README.md'), 'utf8');
    expect(card).toMatch(/^# Nobody yet\n\n\| network \| parameters \| bytes \|\n/);
    expect(card).toContain('| unet | 10865288 | 21730576 |');
    expect(await readdir(join(packs(), 'nano-shaped'))).toContain('LICENSE');
  });

  it('holds halves, with the decoder and the encoder of its pictures', () => {
    const vae = openCheckpoint(join(packs(), 'nano-shaped/vae/diffusion_pytorch_model.safetensors'));
    expect(vae.tensors.get('decoder.conv_in.weight')).toMatchObject({ type: 'F16', shape: [128, 8, 3, 3] });
    expect(vae.tensors.get('encoder.conv.weight')).toMatchObject({ type: 'F16', shape: [8, 3, 8, 8] });
    vae.close();
  });

  it('makes pictures of 128 × 128 from latents of 16 × 16 × 8, the same from halves and from float32, wherever it lies', async () => {
    expect(plain).toHaveLength(128 * 128 * 3);
    expect(new Set(plain).size).toBeGreaterThan(100);
    await bundle(join(dir, 'float32'), { precision: 'float32' });
    await cp(packs(), join(dir, 'copied'), { recursive: true });
    for (const folder of ['float32', 'copied']) {
      const other = await openStages('nano-shaped', { packDirs: [join(dir, folder)] });
      expect((await pixelsOf(other)).equals(plain)).toBe(true);
      await other.release();
    }
  });

  it.each([
    ['the prompt', { prompt: 'Zwölf Boxkämpfer 🎅 на снегу' }],
    ['the scheduler', { scheduler: 'unipc' }],
    ['the regions', { facialRegions: ['nose'] }],
    ['the scale of the identity', { identityScale: 0 }],
    ['the step at which the face enters', { mergeStep: -1 }],
  ])('heeds %s', async (_, change) => {
    expect((await pixelsOf(stages, change)).equals(plain)).toBe(false);
  });

  it('has embeddings and tokens of its own widths', async () => {
    const { embedded } = await generatePortraits(stages, reference, request);
    const { face, idTokens, regionTokens } = readIdentity(embedded.identity);
    expect([face.dims, idTokens.dims, regionTokens.dims]).toEqual([
      [1, 256],
      [1, 4, 128],
      [1, 5, 1, 128],
    ]);
  });

  it('shows previews in the colours of its patches', async () => {
    const models = new ModelSet((await loadPack('nano-shaped', [packs()])) as ConsistentIdPack);
    const colours = await models.latentColours();
    expect([colours?.weights.length, colours?.weights[0]!.length, colours?.bias.length]).toEqual([8, 3, 3]);
    const latents = Float32Array.from({ length: 8 * 256 }, (_, i) => Math.sin(i));
    const picture = previewPicture({ dtype: 'float32', dims: [1, 8, 16, 16], data: latents }, colours);
    expect(picture).toMatchObject({ width: 64, height: 64 });
    expect(await stages.preview({ dtype: 'float32', dims: [1, 8, 16, 16], data: latents })).toEqual(picture);
  });
});

describe('without a face', () => {
  let blind: Stages;
  beforeAll(async () => {
    await cp(join(dir, 'draft'), join(dir, 'blind'), { recursive: true });
    const file = join(dir, 'blind/detector.safetensors');
    const detector = openCheckpoint(file);
    const tensors = detector.keys.map((key) => {
      const values = detector.read(key);
      return [key, { shape: detector.shape(key)!, values: /stride_cls.*bias$/.test(key) ? values.fill(-20) : values }] as const;
    });
    detector.close();
    writeSafetensors(file, new Map(tensors));
    await bundle(join(dir, 'blind-packs'), {}, join(dir, 'blind/draft.json'));
    blind = await openStages('nano-shaped', { packDirs: [join(dir, 'blind-packs')] });
  });
  afterAll(() => blind.release());

  it.each([
    [
      'grey',
      () =>
        sharp({ create: { width: 300, height: 200, channels: 3, background: '#808080' } })
          .png()
          .toBuffer(),
    ],
    ['a photo', async () => reference],
    [
      'tiny',
      () =>
        sharp({ create: { width: 64, height: 64, channels: 3, background: 'white' } })
          .png()
          .toBuffer(),
    ],
  ])('says so: %s', async (_, picture) => {
    const bytes = await picture();
    await expect(blind.parseFace({ reference: bytes, facialRegions: ['face'] })).rejects.toMatchObject({ code: 'no_face_detected' });
  });

  it('goes on without one where that is asked for, with an embedding of zeros of the right width', async () => {
    const { parsed, embedded, images } = await generatePortraits(blind, reference, { ...request, corrections: ['continue_without_face'] });
    expect(parsed).toMatchObject({ hasFace: false, warnings: ['no_face_detected'] });
    const { face } = readIdentity(embedded.identity);
    expect([face.dims, face.data.every((x) => x === 0)]).toEqual([[1, 256], true]);
    expect(images).toHaveLength(1);
  });

  it('and a detector that sees faces everywhere says where, and that there are several', async () => {
    const models = new ModelSet((await loadPack('nano-shaped', [packs()])) as ConsistentIdPack);
    const { detection, warnings } = await parseFace(models, { reference, facialRegions: [] });
    expect(detection!.landmarks).toHaveLength(10);
    expect(warnings).toEqual(['multiple_faces']);
    await models.release();
  });
});

it('a vocabulary that its text encoder does not know is refused', async () => {
  const pack = (await loadPack('nano-shaped', [packs()])) as ConsistentIdPack;
  const models = new ModelSet({ ...pack, manifest: { ...pack.manifest, tokenizer: null } });
  await expect(models.tokenizer()).rejects.toMatchObject({
    code: 'model_unusable',
    message: expect.stringMatching(/^The vocabulary of the pack nano-shaped has 49408 ids, its text encoder knows \d{3}\.$/) as string,
  });
});

describe('a draft is not bundled', () => {
  const changed = async (change: (manifest: Record<string, unknown>) => void) => {
    const manifest = JSON.parse(await readFile(draft, 'utf8')) as Record<string, unknown>;
    change(manifest);
    const file = join(dir, 'draft/changed.json');
    await writeFile(file, JSON.stringify(manifest));
    return file;
  };

  it.each<[string, () => Promise<Bundle>, RegExp]>([
    ['where it becomes too large', () => bundle(join(dir, 'no'), { maxBytes: 40e6 }), /has \d+ bytes; 40000000 are allowed/],
    ['without a card', () => bundle(join(dir, 'no'), { documents: [join(dir, 'draft/LICENSE')] }), /has a README\.md; among its documents there is none/],
    ['of weights by a rule', async () => bundle(join(dir, 'no'), {}, await changed((m) => (m['parser'] = { weights: { hash: 1 } }))), /there is no tensor to be written/],
    [
      'with channels that do not fit',
      async () => bundle(join(dir, 'no'), {}, await changed((m) => (m['vae'] = { config: { latents_std: null }, file: 'vae.safetensors' }))),
      /"in_channels" is 8 and "out_channels" 8, the autoencoder has 4/,
    ],
    [
      'with a recogniser that does not fit the projection',
      async () => {
        const recognizer = openCheckpoint(join(dir, 'draft/recognizer.safetensors'));
        const narrow = recognizer.keys.map((key) => {
          const shape = recognizer.shape(key)!;
          const halved = /^(fc|features)\./.test(key) ? [shape[0]! / 2, ...shape.slice(1)] : shape;
          return [key, { shape: halved, values: recognizer.read(key).slice(0, halved.reduce((a, b) => a * b, 1)) }] as const;
        });
        recognizer.close();
        writeSafetensors(join(dir, 'draft/narrow.safetensors'), new Map(narrow));
        return bundle(join(dir, 'no'), {}, await changed((m) => (m['recognizer'] = { file: 'narrow.safetensors' })));
      },
      /its embedding has 128 numbers, the identity projection takes 256/,
    ],
    [
      'with a number no half can hold',
      async () => {
        writeSafetensors(join(dir, 'draft/large.safetensors'), new Map([['conv_out.conv_out.weight', { shape: [1], values: Float32Array.of(70000) }]]));
        return bundle(join(dir, 'no'), {}, await changed((m) => (m['parser'] = { file: 'large.safetensors' })));
      },
      /"conv_out\.conv_out\.weight" holds 70000, which F16 cannot/,
    ],
  ])('%s, and nothing is left behind', async (_, bundling, message) => {
    await expect(bundling()).rejects.toThrow(message);
    expect(await readdir(join(dir, 'no')).catch(() => [])).toEqual([]);
  }); // prettier-ignore
});
