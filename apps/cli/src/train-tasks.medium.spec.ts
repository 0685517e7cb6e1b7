/** Every kind of network takes some steps on drawn people, one training from what another has left, and the pipeline's graphs take the weights. */
import { openCheckpoint } from '@likeness/graph';
import {
  bisenetConfigOf,
  clipTextConfig,
  clipTextGraph,
  clipVisionConfig,
  clipVisionGraph,
  faceDetectionGraph,
  faceParsingGraph,
  faceRecognitionGraph,
  iresnetConfigOf,
  scrfdConfigOf,
  unetConfig,
  unetGraph,
} from '@likeness/models';
import { buildVocabulary, vocabularyFiles } from '@likeness/pipeline';
import { drawDataset } from '@likeness/portraits';
import { textsOf, trainRecipe } from '@likeness/training';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let dir: string;
let text: object;
let runs = 0;

const size = 64;
const bisenet = { stem_width: 4, widths: [4, 8, 8, 8], layers: [1, 1, 1, 1], context_width: 8, fusion_width: 8, head_width: 8 };
const iresnet = { stem_width: 4, widths: [4, 8, 8, 8], layers: [1, 1, 1, 1], num_features: 16 };
const scrfd = { stem_width: 4, widths: [4, 8, 8, 8], layers: [1, 1, 1, 1], neck_width: 8, head_width: 8, head_layers: 1, anchors: 1 };
const encoder = { hidden_size: 16, intermediate_size: 32, num_attention_heads: 2, num_hidden_layers: 2, projection_dim: 8 };
const vision = { ...encoder, image_size: 32, patch_size: 8 };
const vae = { _class_name: 'AutoencoderPatch' };
const sizesOfVae = { block_out_channels: [8, 8], layers_per_block: 1, norm_num_groups: 4 };
const unet = {
  sample_size: 8,
  in_channels: 8,
  out_channels: 8,
  block_out_channels: [8, 16],
  layers_per_block: 1,
  down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D'],
  up_block_types: ['CrossAttnUpBlock2D', 'UpBlock2D'],
  attention_head_dim: 2,
  cross_attention_dim: 16,
  norm_num_groups: 4,
};

const facial = { embedding_dim: 16, output_dim: 16, embed_dim: 16, dim: 16, depth: 1, heads: 1, dim_head: 16, ff_mult: 2 };
const projection = {
  cross_attention_dim: 16,
  id_embeddings_dim: 16,
  clip_embeddings_dim: 16,
  num_tokens: 4,
  depth: 1,
  dim_head: 16,
  ff_mult: 2,
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tasks-'));
  await drawDataset(join(dir, 'data'), { count: 24, shots: 3, size });
  const vocabulary = buildVocabulary(textsOf(join(dir, 'data')), 600);
  await mkdir(join(dir, 'tokenizer'));
  for (const [name, content] of Object.entries(vocabularyFiles(vocabulary))) await writeFile(join(dir, 'tokenizer', name), content);
  text = {
    ...encoder,
    architectures: ['CLIPTextModelWithProjection'],
    vocab_size: vocabulary.ids.size,
    eos_token_id: vocabulary.ids.size - 1,
  };
});
afterAll(() => rm(dir, { recursive: true }));

/** Some steps, the last of which is measured; the losses and metrics of the first and last. */
async function train(task: string, recipe: { model: object; from?: object; output: object | string; data?: object }) {
  const file = join(dir, `${task}.json`);
  const optimiser = { learning_rate: 3e-3, clip_norm: 1, ema: { decay: 0.5 } };
  const data = { folder: 'data', size, held_out: 6, ...recipe.data };
  await writeFile(file, JSON.stringify({ task, seed: 1, steps: 6, batch: 4, optimiser, threads: 1, ...recipe, data }));
  const seen: { loss: number; evaluation?: Readonly<Record<string, number>> | undefined }[] = [];
  await trainRecipe(file, {
    directory: join(dir, 'runs', String(++runs)),
    onProgress: ({ loss, evaluation }) => seen.push({ loss, evaluation }),
  });
  expect(seen.every(({ loss }) => Number.isFinite(loss))).toBe(true);
  const { evaluation } = seen.at(-1)!;
  expect(Object.values(evaluation!).every(Number.isFinite)).toBe(true);
  return { seen, evaluation: evaluation! };
}

const stored = (name: string) => openCheckpoint(join(dir, name));

describe('trainings on drawn people', () => {
  it('parser', async () => {
    const { evaluation } = await train('parser', { model: { bisenet, size: 64 }, output: 'parser.safetensors' });
    expect(evaluation['miou']).toBeGreaterThanOrEqual(0);
    const weights = stored('parser.safetensors');
    expect(faceParsingGraph(weights, bisenetConfigOf(weights), { height: 64, width: 64 }).outputs).toHaveLength(2);
  });

  it('detector', async () => {
    const { evaluation } = await train('detector', { model: { scrfd }, output: 'detector.safetensors' });
    expect(Object.keys(evaluation)).toEqual(['recall', 'landmark_error', 'false_alarms']);
    const weights = stored('detector.safetensors');
    expect(faceDetectionGraph(weights, scrfdConfigOf(weights), { size: 64 }).outputs).toHaveLength(9);
  });

  it('recogniser, without the centres of the people it learned from', async () => {
    const { evaluation } = await train('recognizer', { model: { iresnet }, output: { recognizer: 'recognizer.safetensors' } });
    expect(evaluation['auc']).toBeGreaterThan(0);
    const weights = stored('recognizer.safetensors');
    expect(weights.keys.some((key) => key.startsWith('centres'))).toBe(false);
    expect(faceRecognitionGraph(weights, iresnetConfigOf(weights)).outputs[0]!.dims).toEqual([1, 16]);
  });

  it('attributes', async () => {
    const { evaluation } = await train('attributes', { model: { iresnet }, output: 'attributes.safetensors' });
    expect(evaluation['held_out_error']).toBeGreaterThan(0);
    const { identities } = JSON.parse(readFileSync(join(dir, 'data/identity.json'), 'utf8')) as { identities: { vector: number[] }[] };
    expect(iresnetConfigOf(stored('attributes.safetensors')).num_features).toBe(identities[0]!.vector.length);
  });

  it('image–text encoder: both towers in one file', async () => {
    const model = { tokenizer: 'tokenizer', text, vision };
    const { evaluation } = await train('image-text', { model, output: 'image-text.safetensors' });
    expect(evaluation['held_out_accuracy']).toBeGreaterThanOrEqual(0);
    const weights = stored('image-text.safetensors');
    expect(clipVisionGraph(weights, clipVisionConfig(vision)).outputs).toHaveLength(2);
    expect(weights.has('text_projection.weight')).toBe(true);
  });

  it('autoencoder, text-to-image and ConsistentID, each from the ones before', async () => {
    await train('autoencoder', { model: sizesOfVae, output: 'vae.safetensors' });
    const base = {
      tokenizer: 'tokenizer',
      text_encoder: { ...text, architectures: ['CLIPTextModel'] },
      unet,
      vae: { ...vae, ...sizesOfVae },
    };
    const noise = { prediction_type: 'v_prediction', rescale_betas_zero_snr: true };
    const { seen } = await train('text-to-image', {
      model: { ...base, noise: { prediction_type: 'v_prediction', snr_gamma: 5 } },
      from: { vae: 'vae.safetensors' },
      output: { unet: 'unet.safetensors', text_encoder: 'text_encoder.safetensors' },
    });
    expect(Object.keys(seen.at(-1)!.evaluation!).every((name) => /^error_q[1-4]$/.test(name))).toBe(true);
    expect(clipTextGraph(stored('text_encoder.safetensors'), clipTextConfig(base.text_encoder)).outputs).toHaveLength(3);

    // A text encoder that is not trained leaves the training as it came, and must come from somewhere.
    const untrained = { model: { ...base, noise, train_text_encoder: false }, output: { text_encoder: 'text_encoder-after.safetensors' } };
    await expect(train('text-to-image', { ...untrained, from: { vae: 'vae.safetensors' } })).rejects.toThrow(
      /from\.text_encoder: is needed/,
    );
    await train('text-to-image', { ...untrained, from: { vae: 'vae.safetensors', text_encoder: 'text_encoder.safetensors' } });
    const [came, left] = [stored('text_encoder.safetensors'), stored('text_encoder-after.safetensors')];
    expect(came.keys.length).toBeGreaterThan(0);
    for (const key of came.keys) expect(left.read(key, came.shape(key))).toEqual(came.read(key, came.shape(key)));

    const own = {
      adapter: { rank: 2 },
      image_encoder: vision,
      facial_encoder: facial,
      identity_projection: projection,
    };
    const from = { vae: 'vae', unet: 'unet', text_encoder: 'text_encoder', image_encoder: 'image-text', recognizer: 'recognizer' };
    await train('consistentid', {
      data: { plain_references: true },
      model: { ...base, noise, ...own },
      from: Object.fromEntries(Object.entries(from).map(([at, name]) => [at, `${name}.safetensors`])),
      output: { consistentid: 'consistentid.safetensors', unet: 'unet-after.safetensors' },
    });
    const weights = stored('consistentid.safetensors');
    for (const part of ['adapter_modules.', 'FacialEncoder.', 'image_proj_model.'])
      expect(weights.keys.some((key) => key.startsWith(part))).toBe(true);
    // The base is frozen: it leaves the training as it came.
    const [before, after] = [stored('unet.safetensors'), stored('unet-after.safetensors')];
    for (const key of before.keys) expect(after.read(key, before.shape(key))).toEqual(before.read(key, before.shape(key)));
    expect(unetGraph(after, unetConfig(unet), { height: 8, width: 8, tokens: 77 }).outputs).toHaveLength(1);
  });

  it('says what a recipe lacks: a network to start from, a configuration', async () => {
    const model = { tokenizer: 'tokenizer', text_encoder: text, image_encoder: vision, unet, vae, noise: {}, adapter: { rank: 2 } };
    const own = { facial_encoder: facial, identity_projection: projection };
    const output = 'none.safetensors';
    await expect(train('consistentid', { model: { ...model, ...own }, output })).rejects.toMatchObject({
      code: 'recipe_invalid',
      message: expect.stringContaining('from.image_encoder') as string,
    });
    await expect(train('consistentid', { model: { ...model, ...own, unet: { in_channels: 'eight' } }, output })).rejects.toMatchObject({
      code: 'recipe_invalid',
      message: expect.stringContaining('model.unet') as string,
    });
  });
});
