import { readFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { float32, type Tensor, type TensorOf } from '@likeness/inference';
import { openPack, type ConsistentIdManifest } from '@likeness/models';
import {
  createNoise,
  decodeLatents,
  denoise,
  encodePrompt,
  encodeReference,
  extractRegions,
  ModelSet,
  rowOfStep,
  schedulerFromConfig,
  startRun,
  stackRows,
  timeIdsOf,
  toPicture,
  toRgb,
  type PromptRows,
} from '@likeness/pipeline';
import type { ParityCase } from '../case.ts';
import type { Value } from '../value.ts';
import type { KindRunner } from './kind.ts';

interface GenerateConfig {
  readonly pipeline: ConsistentIdManifest['pipeline'];
  readonly base: string;
  readonly image_encoder: string;
  readonly consistentid: string;
  readonly variant: string | null;
  readonly scheduler: string;
}

interface Request {
  readonly prompt: string;
  readonly negative_prompt: string | null;
  readonly height: number;
  readonly width: number;
  readonly num_inference_steps: number;
  readonly start_merge_step: number;
  readonly guidance_scale: number;
  readonly seed: number;
}

/** The stages of the product on a published model set, with the parser's and the recogniser's answers given. */
const generate: KindRunner = async (c) => {
  const config = c.config as unknown as GenerateConfig;
  const request = (await c.input('request')) as unknown as Request;
  const models = new ModelSet(await packOf(c, config, request));
  try {
    const picture = toRgb(await c.picture('photo'));
    const regions = extractRegions(await c.picture('labels'), picture);
    const names = regions.map(({ name }) => name);

    const seen = await encodeReference(models, { picture, regions, face: await faceOf(c) });
    const { marked, rows } = await encodePrompt(models, {
      prompt: request.prompt,
      negativePrompt: request.negative_prompt,
      identity: { ...seen, regions: names, corrections: [] },
    });

    const schedule = schedulerFromConfig(config.scheduler, await models.schedulerConfig()).schedule(request.num_inference_steps);
    const start = (await c.tensor('latents')) as TensorOf<'float32'>;
    const run = startRun(schedule, createNoise('cpu', request.seed), start.dims); // the start itself is drawn from the same generator
    const latents = float32(start.dims, start.data.map((x) => x * schedule.initNoiseSigma)); // prettier-ignore
    const options = { guidanceScale: request.guidance_scale, mergeStep: request.start_merge_step, identityScale: 1 };
    const trace: TensorOf<'float32'>[] = [];
    for await (const after of denoise(models, { rows, ...run, latents, ...options })) trace.push(after);
    const image = await decodeLatents(models, trace.at(-1)!);

    const outputs: Record<string, Value> = {
      regions: names,
      marked_text: marked.markedText,
      prompt_with_markers: marked.promptFace,
      prompt_text_only: marked.promptTextOnly,
      clean_input_ids: marked.cleanIds,
      clean_input_ids_2: marked.cleanIds2 ?? null,
      facial_token_mask: marked.mask.flatMap((isMarked, i) => (isMarked ? [i] : [])),
      facial_token_idx: marked.positions,
      facial_token_idx_mask: marked.positionsMask,
      row_of_step: schedule.timesteps.map((_, i) => rowOfStep(i, request.start_merge_step)),
      region_pixel_values: seen.regionPixels,
      clip_pixel_values: seen.clipPixels,
      id_tokens: seen.idTokens,
      id_tokens_uncond: seen.idTokensUncond,
      ...conditioning(rows, request),
      timesteps: float32([schedule.timesteps.length], Float32Array.from(schedule.timesteps)),
      latents: nested(trace),
      image: channelsLast(image),
      picture: toPicture(image),
    };
    return outputs;
  } finally {
    await models.release();
  }
};

/** The rows under the names of the cases; SDXL's pooled texts and picture sizes where there are any. */
function conditioning(rows: PromptRows, { height, width }: Request): Record<string, Value> {
  const named = Object.entries(rows).flatMap(([name, { tokens, pooled }]) => [
    [`prompt_embeds.${name}`, tokens] as const,
    ...(pooled ? [[`pooled.${name}`, pooled] as const] : []),
  ]);
  const sizes = timeIdsOf(height, width, 2);
  return { ...Object.fromEntries(named), time_ids: sizes };
}

export const generateKinds: Readonly<Record<string, KindRunner>> = { generate };

/** A pack that lies in three places: the case's diffusers folder, transformers folder and checkpoint. */
async function packOf(c: ParityCase, config: GenerateConfig, request: Request) {
  const folder = resolve(c.folder, config.base);
  const at = (path: string, inner = '') => relative(folder, resolve(c.folder, path, inner));
  const network = (name: string) => ({ folder: at(config.base, name), ...(config.variant !== null && { variant: config.variant }) });
  const weights = { hash: 0, gain: 1, prelu: [] };
  const isXl = config.pipeline === 'consistentid-sdxl';
  return openPack(folder, {
    name: c.name,
    version: '0',
    title: '',
    licence: '-',
    notes: [],
    trained: false,
    pipeline: config.pipeline,
    sizes: [[request.width, request.height]],
    defaults: {
      width: request.width,
      height: request.height,
      steps: 1,
      scheduler: 'euler',
      guidance_scale: 1,
      merge_step: 0,
      identity_scale: 1,
      negative_prompt: '',
    },
    text_encoder: network('text_encoder'),
    ...(isXl && { text_encoder_2: network('text_encoder_2'), tokenizer_2: at(config.base, 'tokenizer_2') }),
    tokenizer: at(config.base, 'tokenizer'),
    unet: network('unet'),
    vae: network('vae'),
    scheduler: at(config.base, 'scheduler/scheduler_config.json'),
    image_encoder: { folder: at(config.image_encoder) },
    consistentid: { file: at(config.consistentid) },
    parser: { config: {}, weights },
    parser_size: isXl ? 1280 : 512,
    detector_size: 640,
    detector: null,
    recognizer: { config: { layers: [1, 1, 1, 1] }, weights },
    force_zeros_for_empty_prompt: await forcesZeros(folder),
    face_channel_order: isXl ? 'bgr' : 'reference',
  });
}

/** diffusers' default where the file does not say. */
async function forcesZeros(base: string): Promise<boolean> {
  const index = JSON.parse(await readFile(join(base, 'model_index.json'), 'utf8')) as { force_zeros_for_empty_prompt?: boolean };
  return index.force_zeros_for_empty_prompt ?? true;
}

async function faceOf(c: ParityCase): Promise<TensorOf<'float32'> | null> {
  const face = await c.input('face_embedding');
  return face === null ? null : (face as Tensor as TensorOf<'float32'>);
}

/** Arrays of one shape under a new first axis. */
const nested = (steps: readonly TensorOf<'float32'>[]): Tensor => stackRows(...steps.map(({ dims, data }) => float32([1, ...dims], data)));

/** [1, 3, H, W] → [H, W, 3] */
function channelsLast({ dims, data }: TensorOf<'float32'>): Tensor {
  const [, channels = 0, height = 0, width = 0] = dims;
  const area = height * width;
  return float32(
    [height, width, channels],
    Float32Array.from(data, (_, i) => data[(i % channels) * area + Math.floor(i / channels)]!),
  );
}
