/**
 * Stage 3: a prompt put to an identity → the rows that steer; noise → portraits.
 *
 * Reference: JackAILab/ConsistentID e234008, the second half of `__call__` of its SD1.5 and SDXL pipelines; diffusers 0.31.0.
 */
import { createHash } from 'node:crypto';
import { float32, nextTurn } from '@likeness/inference';
import { readIdentity } from '../embedding/identity.ts';
import { encodePicture, outputFormats } from '../image/encode.ts';
import type { Picture } from '../image/picture.ts';
import type { DiffusionModels } from '../model-set.ts';
import { seedOfImage, type GenerationOptions } from '../options.ts';
import { createNoise, type NoiseGenerator } from '../random/index.ts';
import { outputOf, type FloatTensor } from '../safetensors.ts';
import { createScheduler, type Schedule } from '../schedulers/index.ts';
import { encodePrompt } from './encode-prompt.ts';
import { FACIAL_TOKEN, IMAGE_TOKEN } from './facial-markers.ts';
import { guide, rowOfStep } from './guidance.ts';
import { pairRows, type PromptRows } from './prompt-rows.ts';
import { provenanceOf } from './provenance.ts';

export interface SamplePortraitInput extends Omit<GenerationOptions, 'facialRegions'> {
  /** As `embedIdentity` left them. */
  readonly identity: Uint8Array;
}

export interface GeneratedImage {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  readonly width: number;
  readonly height: number;
  readonly seed: number;
  /** Of the bytes, in hex. */
  readonly sha256: string;
}

export interface SampleHooks {
  /** Called after every step, counted from 1 over all images. */
  readonly onStep?: (step: number, total: number, latents: FloatTensor) => Promise<void> | void;
  /** Looked at between steps. */
  readonly signal?: AbortSignal;
}

/** The same input gives the same bytes. Images are made one after another. @throws the signal's reason when it is aborted */
export async function samplePortrait(
  models: DiffusionModels,
  input: SamplePortraitInput,
  { onStep, signal }: SampleHooks = {},
): Promise<{ images: GeneratedImage[] }> {
  const { rows } = await encodePrompt(models, {
    prompt: withoutMarkers(input.prompt),
    negativePrompt: input.negativePrompt || null,
    identity: readIdentity(input.identity),
  });
  const scheduler = createScheduler(input.scheduler, await models.schedulerConfig());
  const { factor, channels } = await models.latents();
  const shape = [1, channels, input.height / factor, input.width / factor];
  const images: GeneratedImage[] = [];
  for (let k = 0; k < input.numImages; k++) {
    const seed = seedOfImage(input.seed, k);
    const noise = createNoise('cpu', seed);
    const start = float32(shape, noise.normal(shape.reduce((n, d) => n * d)));
    const schedule = scheduler.schedule(input.steps);
    const calls = schedule.timesteps.length;
    const step = async (done: number, latents: FloatTensor) => {
      await onStep?.(k * calls + done, input.numImages * calls, latents);
      await nextTurn(signal);
    };
    const latents = await denoise(models, { ...input, rows, schedule, start, noise }, step);
    const picture = toPicture(await decodeLatents(models, latents));
    const bytes = await encodePicture(picture, input.format, provenanceOf(models.pack, input, seed));
    images.push({
      bytes,
      contentType: outputFormats[input.format],
      width: picture.width,
      height: picture.height,
      seed,
      sha256: sha256(bytes),
    });
  }
  return { images };
}

/** A marker in a prompt would claim a region of its own. */
const withoutMarkers = (prompt: string) => prompt.replaceAll(FACIAL_TOKEN, '').replaceAll(IMAGE_TOKEN, '');

export interface DenoiseInput {
  readonly rows: PromptRows;
  readonly schedule: Schedule;
  /** Unit normal, [1, 4, h/8, w/8]. */
  readonly start: FloatTensor;
  /** For the schedulers that draw fresh noise at every step. */
  readonly noise: NoiseGenerator;
  readonly guidanceScale: number;
  readonly mergeStep: number;
  readonly identityScale: number;
}

/** The loop: schedule → predict → guide → step. */
export async function denoise(
  models: DiffusionModels,
  { rows, schedule, start, noise, guidanceScale, mergeStep, identityScale }: DenoiseInput,
  onStep: (step: number, latents: FloatTensor) => Promise<void> | void,
): Promise<FloatTensor> {
  const unet = await models.unet(start.dims[2]!, start.dims[3]!);
  const conditioning = { text: pairRows(rows.null, rows.text), augmented: pairRows(rows.null, rows.augmented) }; // [2, 81, C]
  let latents: Float32Array = start.data.map((x) => x * schedule.initNoiseSigma);
  for (const [i, t] of schedule.timesteps.entries()) {
    const predicted = await unet(schedule.scale(latents, i), t, conditioning[rowOfStep(i, mergeStep)], identityScale); // [2, 4, h/8, w/8]
    const fresh = schedule.drawsNoise(i) ? noise.normal(latents.length) : undefined;
    latents = schedule.step(latents, guide(predicted, guidanceScale), i, fresh);
    await onStep(i + 1, float32(start.dims, latents)); // progress, preview, cancel
  }
  return float32(start.dims, latents);
}

/** Latents → picture values [1, 3, H, W] in 0 … 1. */
export async function decodeLatents(models: DiffusionModels, latents: FloatTensor): Promise<FloatTensor> {
  const decoder = await models.decoder(latents.dims[2]!, latents.dims[3]!);
  const { scaling } = await models.latents();
  const scaled = latents.data.map((x) => x / scaling);
  const sample = outputOf(await decoder.run({ latents: float32(latents.dims, scaled) }), 'sample');
  return float32(
    sample.dims,
    sample.data.map((x) => Math.min(Math.max(x / 2 + 0.5, 0), 1)),
  );
}

/** [1, 3, H, W] in 0 … 1 → 8 bits. */
export function toPicture({ dims, data }: FloatTensor): Picture {
  const [, , height = 0, width = 0] = dims;
  const area = height * width;
  const pixels = new Uint8Array(3 * area);
  for (let c = 0; c < 3; c++) for (let i = 0; i < area; i++) pixels[3 * i + c] = Math.round(data[c * area + i]! * 255);
  return { width, height, channels: 3, data: pixels };
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
