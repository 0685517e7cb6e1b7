import { readFile } from 'node:fs/promises';
import { createSession, float32, floats, type Tensor } from '@likeness/inference';
import {
  alignFace,
  alignmentMatrix,
  ClipImageConfig,
  clipPixels,
  ClipTokenizer,
  createNoise,
  decodeFaces,
  detectFaces,
  detectionInput,
  extractRegions,
  faceParsingPixels,
  guide,
  markPrompt,
  recogniseFace,
  recognitionScaling,
  resizeOpenCv,
  resizePillow,
  rowOfStep,
  schedulerFromConfig,
  warpAffine,
  type ChannelOrder,
  type Cleaning,
  type Face,
  type MarkerVariant,
  type NoiseDtype,
  type OpenCvFilter,
  type PillowFilter,
  type RegionName,
} from '@likeness/pipeline';
import type { ParityCase } from '../case.ts';
import type { Json, Value } from '../value.ts';
import type { KindRunner } from './kind.ts';

/** A case's config, read as the fields its kind is documented to have. */
const configOf = <C>(c: ParityCase): C => c.config as unknown as C;
const json = async <J extends Json>(c: ParityCase, name: string): Promise<J> => (await c.input(name)) as J;
const float64 = (dims: readonly number[], values: ArrayLike<number>): Tensor => ({
  dtype: 'float64',
  dims,
  data: Float64Array.from(values),
});

type Size = [width: number, height: number];
type Triple = [number, number, number];

/** Pictures, faces, masks, text and noise: the pipeline's pure steps. */
export const visionKinds: Readonly<Record<string, KindRunner>> = {
  resize: async (c) => {
    const { library, filter, width, height } = configOf<{ library: string; filter: string; width: number; height: number }>(c);
    const picture = await c.picture('image');
    const image =
      library === 'pillow'
        ? resizePillow(picture, width, height, filter as PillowFilter)
        : resizeOpenCv(picture, width, height, filter as OpenCvFilter);
    return { image };
  },

  'clip-image-preprocess': async (c) => {
    const { data, height, width } = clipPixels(await c.picture('image'), ClipImageConfig.parse(c.config));
    return { pixel_values: float32([1, 3, height, width], data) };
  },

  'face-parsing-preprocess': async (c) => {
    const { size, mean, std } = configOf<{ size: number; mean: Triple; std: Triple }>(c);
    return { pixel_values: float32([1, 3, size, size], faceParsingPixels(await c.picture('image'), { size, mean, std })) };
  },

  'region-masks': async (c) => {
    const regions = extractRegions(await c.picture('labels'), await c.picture('image'));
    const pictures = regions.flatMap(({ mask, image }, i) => [[`mask_${i}`, mask] as const, [`region_${i}`, image] as const]);
    return { regions: regions.map(({ name }) => name), ...Object.fromEntries(pictures) };
  },

  'face-detection-preprocess': async (c) => {
    const config = configOf<{ det_size: Size; channel_order: ChannelOrder; mean: number; std: number }>(c);
    const { det_size: size, channel_order: channelOrder, mean, std } = config;
    const { blob, width, height, scale } = detectionInput(await c.picture('image'), { size, channelOrder, mean, std });
    return { blob: float32([1, 3, height, width], blob), det_scale: scale };
  },

  'face-detection-decode': async (c) => {
    const config = configOf<{ det_size: Size; det_scale: number; det_thresh: number; nms_thresh: number; num_anchors: number }>(c);
    const tensors = await Promise.all(c.inputNames.map((name) => c.tensor(name)));
    const faces = decodeFaces(
      tensors.map((tensor) => ({ dims: tensor.dims, data: floats(tensor) })),
      {
        width: config.det_size[0],
        height: config.det_size[1],
        scale: config.det_scale,
        scoreThreshold: config.det_thresh,
        overlapThreshold: config.nms_thresh,
        anchors: config.num_anchors,
      },
    );
    return {
      boxes: float64(
        [faces.length, 4],
        faces.flatMap(({ box }) => box),
      ),
      scores: float64(
        [faces.length],
        faces.map(({ score }) => score),
      ),
      landmarks: float64(
        [faces.length, 5, 2],
        faces.flatMap(({ landmarks }) => Array.from(landmarks)),
      ),
    };
  },

  'face-alignment': async (c) => {
    const { size } = configOf<{ size: number }>(c);
    const matrix = alignmentMatrix(floats(await c.tensor('landmarks')), size);
    return { matrix: float64([2, 3], matrix), crop: warpAffine(await c.picture('image'), matrix, size, size) };
  },

  'face-analysis': async (c) => {
    const config = configOf<{ det_size: Size; det_thresh: number; nms_thresh: number; channel_order: ChannelOrder }>(c);
    const picture = await c.picture('image');
    const detector = await createSession({ path: c.file('detection') });
    const model = await readFile(c.file('recognition'));
    const recogniser = await createSession({ bytes: model, name: 'recogniser' });
    try {
      const faces = await detectFaces(detector, picture, {
        size: config.det_size,
        channelOrder: config.channel_order,
        scoreThreshold: config.det_thresh,
        overlapThreshold: config.nms_thresh,
      });
      const [best] = faces;
      const identify = ({ landmarks }: Face) =>
        recogniseFace(recogniser, alignFace(picture, landmarks), recognitionScaling(model), config.channel_order);
      return {
        faces: faces.length,
        faceid: float32([1, 512], best ? await identify(best) : new Float32Array(512)),
        ...(best && { box: float64([4], best.box), score: float64([1], [best.score]), landmarks: float32([5, 2], best.landmarks) }),
      };
    } finally {
      await Promise.all([detector.release(), recogniser.release()]);
    }
  },

  tokenize: async (c) => {
    const config = configOf<{
      cleaning: Cleaning;
      added_tokens?: string[];
      pad_token?: string;
      model_max_length: number;
      padding: 'max_length' | false;
      truncation: boolean;
    }>(c);
    const tokenizer = new ClipTokenizer({
      cleaning: config.cleaning,
      addedTokens: config.added_tokens ?? [],
      maxLength: config.model_max_length,
      ...(config.pad_token === undefined ? {} : { padToken: config.pad_token }),
    });
    const ids = (await json<string[]>(c, 'prompts')).map((prompt) => {
      const all = tokenizer.encode(prompt);
      const cut = config.truncation ? tokenizer.cut(all) : all;
      return config.padding === 'max_length' ? tokenizer.pad(cut) : cut;
    });
    return { ids };
  },

  'facial-markers': async (c) => {
    const config = configOf<{
      variant: MarkerVariant;
      cleaning: Cleaning;
      image_token: string;
      facial_token: string;
      model_max_length: number;
    }>(c);
    const shared = { cleaning: config.cleaning, maxLength: config.model_max_length };
    const tokenizer = new ClipTokenizer({ ...shared, addedTokens: [config.image_token, config.facial_token] });
    const marked = markPrompt({
      prompt: await json<string>(c, 'prompt'),
      caption: await json<string>(c, 'caption'),
      regions: await json<RegionName[]>(c, 'regions'),
      variant: config.variant,
      tokenizer,
      ...(config.variant === 'sdxl' ? { tokenizer2: new ClipTokenizer({ ...shared, padToken: '!' }) } : {}),
    });
    return {
      marked_text: marked.markedText,
      prompt_face: marked.promptFace,
      prompt_text_only: marked.promptTextOnly,
      regions: marked.regions,
      clean_input_ids: marked.cleanIds,
      ...(marked.cleanIds2 ? { clean_input_ids_2: marked.cleanIds2 } : {}),
      text_only_ids: tokenizer.encodePadded(marked.promptTextOnly),
      facial_token_mask: marked.mask.map(Number),
      facial_token_idx: marked.positions,
      facial_token_idx_mask: marked.positionsMask.map(Number),
    };
  },

  noise: (c) => {
    const { generator, seed, draws } = configOf<{
      generator: 'cpu' | 'cuda';
      seed: number;
      draws: { shape: number[]; dtype: NoiseDtype }[];
    }>(c);
    const noise = createNoise(generator, seed);
    const drawn = draws.map(({ shape, dtype }, i): [string, Value] => {
      const count = shape.reduce((product, d) => product * d, 1);
      return [`draw_${i}`, float64(shape, noise.normal(count, dtype))];
    });
    return Promise.resolve(Object.fromEntries(drawn));
  },

  scheduler: async (c) => {
    const config = configOf<{ scheduler: string; scheduler_config: Record<string, unknown>; num_inference_steps: number; eta?: number }>(c);
    const scheduler = schedulerFromConfig(config.scheduler, config.scheduler_config, { eta: config.eta ?? 0 });
    const schedule = scheduler.schedule(config.num_inference_steps);
    const start = await c.tensor('latents');
    const outputs = floats(await c.tensor('model_outputs'));
    const noises = c.inputNames.includes('noises') ? floats(await c.tensor('noises')) : undefined;
    const size = start.data.length;
    const row = (rows: Float32Array, i: number) => rows.subarray(i * size, (i + 1) * size);
    const calls = schedule.timesteps.length;
    const scaled = new Float32Array(calls * size);
    const after = new Float32Array(calls * size);
    let latents: Float32Array = floats(start).map((x) => x * schedule.initNoiseSigma);
    for (let i = 0; i < calls; i++) {
      scaled.set(schedule.scale(latents, i), i * size);
      latents = schedule.step(latents, row(outputs, i), i, noises && row(noises, i));
      after.set(latents, i * size);
    }
    return {
      timesteps: float64([calls], schedule.timesteps),
      init_noise_sigma: float64([1], [schedule.initNoiseSigma]),
      scaled_inputs: float32([calls, ...start.dims], scaled),
      latents: float32([calls, ...start.dims], after),
      ...(schedule.sigmas ? { sigmas: float64([schedule.sigmas.length], schedule.sigmas) } : {}),
    };
  },

  guidance: async (c) => {
    const config = configOf<{ num_inference_steps: number; start_merge_step: number; guidance_scale: number }>(c);
    const predicted = await c.tensor('noise_pred'); // [n, 2, …]
    const [steps, rows, ...rest] = predicted.dims as [number, number, ...number[]];
    const size = predicted.data.length / steps / rows;
    const guided = new Float32Array(steps * size);
    for (let i = 0; i < steps; i++) {
      guided.set(guide(floats(predicted).subarray(i * rows * size, (i + 1) * rows * size), config.guidance_scale), i * size);
    }
    const rowOfSteps = Array.from({ length: config.num_inference_steps }, (_, i) => rowOfStep(i, config.start_merge_step));
    return { guided: float32([steps, 1, ...rest], guided), row_of_step: rowOfSteps };
  },
};
