import { readFile } from 'node:fs/promises';
import { loadPack, openPack, PackManifest, type ConsistentIdPack } from '@likeness/models';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodePrompt, samplePortrait } from './diffusion/index.ts';
import { embedIdentity, readIdentity } from './embedding/index.ts';
import { ModelSet } from './model-set.ts';
import { resolveOptions } from './options.ts';
import { parseFace, type ParsedFace } from './parsing/parse-face.ts';

/** The sketch pack made an SDXL one: a second text encoder, rows of both widths, sizes and pooled text in the UNet. */
async function xlPack(): Promise<ConsistentIdPack> {
  const { folder, manifest } = (await loadPack('sketch')) as ConsistentIdPack;
  const text = manifest.text_encoder as { config: Record<string, unknown> };
  const unet = manifest.unet as { config: Record<string, unknown> };
  const xl = PackManifest.parse({
    ...manifest,
    name: 'sketch-xl',
    pipeline: 'consistentid-sdxl',
    text_encoder_2: {
      config: { ...text.config, architectures: ['CLIPTextModelWithProjection'], projection_dim: 40 },
      weights: { hash: 8 },
    },
    tokenizer_2: null,
    unet: {
      config: {
        ...unet.config,
        cross_attention_dim: 128,
        addition_embed_type: 'text_time',
        addition_time_embed_dim: 8,
        projection_class_embeddings_input_dim: 88,
      },
      weights: { hash: 9 },
    },
    face_channel_order: 'bgr',
  });
  return (await openPack(folder, xl)) as ConsistentIdPack;
}

let models: ModelSet;
let reference: Uint8Array;
let parsed: ParsedFace;
let identity: Uint8Array;
beforeAll(async () => {
  models = new ModelSet(await xlPack(), { threads: 1 });
  reference = await readFile(new URL('../../../samples/portrait.jpg', import.meta.url));
  parsed = await parseFace(models, { reference, facialRegions: ['face', 'eyes', 'ears', 'nose', 'mouth'] });
  ({ identity } = await embedIdentity(models, { reference, ...parsed }));
});
afterAll(() => models.release());

const rowsOf = async (prompt: string, negativePrompt: string | null) =>
  (await encodePrompt(models, { prompt, negativePrompt, identity: readIdentity(identity) })).rows;

describe('the SDXL pipeline', () => {
  it('has rows of both encoders and pooled texts that change with the phase', async () => {
    const rows = await rowsOf('A man', 'blurry');
    expect(rows.text.tokens.dims).toEqual([1, 81, 128]);
    expect(rows.text.pooled!.dims).toEqual([1, 40]);
    expect(rows.text.pooled).not.toEqual(rows.augmented.pooled);
    expect(rows.null.pooled).not.toEqual(rows.text.pooled);
  });

  it('has a row of zeros where there is no negative prompt, but for the tokens that regions were fused into', async () => {
    const { tokens, pooled } = (await rowsOf('A man', null)).null;
    expect(pooled!.data.every((x) => x === 0)).toBe(true);
    const isZero = (i: number) => tokens.data.subarray(i * 128, (i + 1) * 128).every((x) => x === 0);
    expect(Array.from({ length: 77 }, (_, i) => i).filter((i) => !isZero(i)).length).toBe(parsed.regions.length);
    expect(isZero(77)).toBe(false);
  });

  it('reads prompts as ConsistentID’s own requirements have them read, with ftfy', async () => {
    expect((await rowsOf('a “man’s” hat', null)).text).toEqual((await rowsOf('a "man\'s" hat', null)).text);
  });

  it('makes a picture', async () => {
    const options = resolveOptions(models.pack, { prompt: 'A man', seed: 1, steps: 2 });
    const { images } = await samplePortrait(models, { ...options, identity });
    expect(images).toMatchObject([{ width: 256, height: 256, seed: 1 }]);
  });
});
