/**
 * Stage 3: a prompt put to an identity → the rows that steer; noise → portraits.
 *
 * Reference: JackAILab/ConsistentID e234008, the second half of `__call__` of its SD1.5 and SDXL pipelines; diffusers 0.31.0.
 */
import { createHash } from 'node:crypto';
import { elementCount, float32, nextTurn, TaskPaused } from '@likeness/inference';
import type { Corrections } from '../corrections.ts';
import { readIdentity } from '../embedding/identity.ts';
import { encodePicture, outputFormats } from '../image/encode.ts';
import type { Picture } from '../image/picture.ts';
import { PipelineError } from '../errors.ts';
import type { DiffusionModels } from '../model-set.ts';
import { seedOfImage, type GenerationOptions } from '../options.ts';
import { createNoise, type NoiseGenerator, type NoiseSource } from '../random/index.ts';
import { outputOf, type FloatTensor } from '../safetensors.ts';
import { createScheduler, type Schedule } from '../schedulers/index.ts';
import { encodePrompt } from './encode-prompt.ts';
import { FACIAL_TOKEN, IMAGE_TOKEN } from './facial-markers.ts';
import { guide, rowOfStep } from './guidance.ts';
import { pairRows, type PromptRows } from './prompt-rows.ts';
import { provenanceOf } from './provenance.ts';
import { jobOf, readSampleState, writeSampleState, type SampleState } from './sample-state.ts';

export interface SamplePortraitInput extends Omit<GenerationOptions, 'facialRegions' | 'noiseDevice' | 'corrections'> {
  readonly noiseDevice?: NoiseSource | undefined;
  readonly corrections?: Corrections | undefined;
  /** As `embedIdentity` left them. */
  readonly identity: Uint8Array;
  /** What an earlier run was paused with. It is used where it belongs to this very job, and ignored else. */
  readonly resume?: Uint8Array | undefined;
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

export interface SampledPortraits {
  readonly images: GeneratedImage[];
  /** Steps over all images that were not made again, because an earlier run had made them. */
  readonly resumedAt: number;
}

export interface SampleHooks {
  /** Called after every step, counted from 1 over all images. */
  readonly onStep?: (step: number, total: number, latents: FloatTensor) => Promise<void> | void;
  /** Looked at between steps. */
  readonly signal?: AbortSignal;
  /** Looked at between steps, too: the sampling stops there with a state from which any process can go on. */
  readonly pause?: AbortSignal;
}

/**
 * The same input gives the same bytes, with or without a pause. Images are made one after another.
 * @throws the signal's reason when it is aborted; TaskPaused with the state of the sampling when it is paused
 */
export async function samplePortrait(
  models: DiffusionModels,
  input: SamplePortraitInput,
  { onStep, signal, pause }: SampleHooks = {},
): Promise<SampledPortraits> {
  const { rows } = await encodePrompt(models, {
    prompt: withoutMarkers(input.prompt),
    negativePrompt: input.negativePrompt || null,
    identity: readIdentity(input.identity),
    corrections: input.corrections,
  });
  const scheduler = createScheduler(input.scheduler, await models.schedulerConfig());
  const { factor, channels } = await models.latents();
  const shape = [1, channels, input.height / factor, input.width / factor];
  const calls = scheduler.schedule(input.steps).timesteps.length;
  const job = jobOf(models.pack, input);
  const saved = stateOf(job, input.resume);
  const images = [...(saved?.images ?? [])];
  const resumedAt = images.length * calls + (saved?.done ?? 0);

  for (let k = images.length; k < input.numImages; k++) {
    const seed = seedOfImage(input.seed, k);
    const run = startRun(
      scheduler.schedule(input.steps),
      createNoise(input.noiseDevice ?? 'cpu', seed),
      shape,
      k === saved?.images.length ? saved : null,
    );
    let { done, latents } = run;
    for await (latents of denoise(models, { ...input, rows, ...run })) {
      done += 1;
      await onStep?.(k * calls + done, input.numImages * calls, latents);
      await nextTurn(signal);
      if (pause?.aborted) throw new TaskPaused(writeSampleState({ job, images, done, latents, history: run.schedule.history }));
    }
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
  return { images, resumedAt };
}

/** A marker in a prompt would claim a region of its own. */
const withoutMarkers = (prompt: string) => prompt.replaceAll(FACIAL_TOKEN, '').replaceAll(IMAGE_TOKEN, '');

/** Null: there is none, it is damaged, or it belongs to another job. Then the sampling begins anew, which is always right. */
function stateOf(job: string, file: Uint8Array | undefined): SampleState | null {
  if (!file) return null;
  try {
    const state = readSampleState(file);
    return state.job === job ? state : null;
  } catch (error) {
    if (error instanceof PipelineError) return null;
    throw error;
  }
}

/** One image in the making. */
interface Run {
  readonly schedule: Schedule;
  /** For the schedulers that draw fresh noise at every step. */
  readonly noise: NoiseGenerator;
  /** Calls of the network so far, and the latents after them: [1, z, h, w]. */
  readonly done: number;
  readonly latents: FloatTensor;
}

/** At the beginning, or where a state stands: then the generator draws again what it had drawn. */
export function startRun(schedule: Schedule, noise: NoiseGenerator, shape: readonly number[], saved: SampleState | null = null): Run {
  const start = noise.normal(elementCount(shape));
  if (!saved) return { schedule, noise, done: 0, latents: float32(shape, start.map((x) => x * schedule.initNoiseSigma)) }; // prettier-ignore
  for (let i = 0; i < saved.done; i++) if (schedule.drawsNoise(i)) noise.normal(start.length);
  schedule.history = saved.history;
  return { schedule, noise, done: saved.done, latents: saved.latents };
}

export interface DenoiseInput extends Run {
  readonly rows: PromptRows;
  readonly guidanceScale: number;
  readonly mergeStep: number;
  readonly identityScale: number;
}

/** The loop: schedule → predict → guide → step. Yields the latents after every call of the network. */
export async function* denoise(models: Pick<DiffusionModels, 'unet'>, input: DenoiseInput): AsyncGenerator<FloatTensor, void, undefined> {
  const { rows, schedule, noise, done, guidanceScale, mergeStep, identityScale } = input;
  const { dims } = input.latents;
  const unet = await models.unet(dims[2]!, dims[3]!);
  const conditioning = { text: pairRows(rows.nullPlain ?? rows.null, rows.text), augmented: pairRows(rows.null, rows.augmented) }; // [2, 81, C]
  let latents: Float32Array = input.latents.data;
  for (const [i, t] of schedule.timesteps.entries()) {
    if (i < done) continue;
    const predicted = await unet(schedule.scale(latents, i), t, conditioning[rowOfStep(i, mergeStep)], identityScale); // [2, z, h, w]
    const fresh = schedule.drawsNoise(i) ? noise.normal(latents.length) : undefined;
    latents = schedule.step(latents, guide(predicted, guidanceScale), i, fresh);
    yield float32(dims, latents); // progress, preview, cancel, pause
  }
}

/** Latents → picture values [1, 3, H, W] in 0 … 1. */
export async function decodeLatents(models: DiffusionModels, latents: FloatTensor): Promise<FloatTensor> {
  const decoder = await models.decoder(latents.dims[2]!, latents.dims[3]!);
  const { channels, divisor, mean } = await models.latents();
  const area = latents.data.length / channels;
  const scaled = latents.data.map((x, i) => x / divisor[Math.floor(i / area)]! + mean[Math.floor(i / area)]!);
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
