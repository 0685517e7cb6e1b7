/** What a generation can be asked for, and what holds where nothing is said. */
import type { Pack } from '@likeness/models';
import { corrections, type Corrections } from './corrections.ts';
import { PipelineError } from './errors.ts';
import { outputFormats, type OutputFormat } from './image/encode.ts';
import type { RegionName } from './parsing/regions.ts';
import { noiseSources, type NoiseSource } from './random/index.ts';
import { schedulerNames, type SchedulerName } from './schedulers/index.ts';

/** The parts of a face a caller can choose, and the regions of the parser behind each. */
export const facialRegions = {
  face: ['Face'],
  eyes: ['Left_Eye', 'Right_Eye'],
  ears: ['Left_Ear', 'Right_Ear'],
  nose: ['Nose'],
  mouth: ['Upper_Lip', 'Lower_Lip'],
} as const satisfies Record<string, readonly RegionName[]>;
export type FacialRegion = keyof typeof facialRegions;

export interface GenerationOptions {
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly numImages: number;
  /** Pixels, multiples of 8. */
  readonly width: number;
  readonly height: number;
  readonly steps: number;
  readonly scheduler: SchedulerName;
  readonly guidanceScale: number;
  /** The last step that sees the plain text, counted from 0; −1: none does. */
  readonly mergeStep: number;
  readonly identityScale: number;
  /** Of the first image; image k has seed + k, modulo 2³². */
  readonly seed: number;
  /** Whose random numbers the seed stands for. */
  readonly noiseDevice: NoiseSource;
  readonly facialRegions: readonly FacialRegion[];
  /** Where the published pipeline is departed from. */
  readonly corrections: Corrections;
  readonly format: OutputFormat;
}

/** As a caller writes it: all but the prompt may be absent, and the merge step may be a fraction of the steps (`0.6`, `"0.6"`, `"1.0"`). */
export type GenerationRequest = { readonly prompt: string } & {
  readonly [K in Exclude<keyof GenerationOptions, 'prompt' | 'mergeStep'>]?: GenerationOptions[K] | undefined;
} & { readonly mergeStep?: number | string | undefined };

/** The request with the pack's defaults, checked against what the pack can do. @throws PipelineError `invalid_argument` with the offending value */
export function resolveOptions({ manifest }: Pack, request: GenerationRequest): GenerationOptions {
  const { defaults } = manifest;
  const steps = whole('steps', request.steps ?? defaults.steps, 1, 100);
  const options: GenerationOptions = {
    prompt: text('prompt', request.prompt, 1),
    negativePrompt: text('negative_prompt', request.negativePrompt ?? defaults.negative_prompt, 0),
    numImages: whole('num_images', request.numImages ?? 1, 1, 8),
    width: request.width ?? defaults.width,
    height: request.height ?? defaults.height,
    steps,
    scheduler: oneOf('scheduler', request.scheduler ?? defaults.scheduler, schedulerNames),
    guidanceScale: between('guidance_scale', request.guidanceScale ?? defaults.guidance_scale, 1, 20),
    mergeStep: mergeStepOf(request.mergeStep ?? defaults.merge_step, steps),
    identityScale: between('identity_scale', request.identityScale ?? defaults.identity_scale, 0, 2),
    seed: whole('seed', request.seed ?? Math.floor(Math.random() * 2 ** 32), 0, 2 ** 32 - 1),
    facialRegions: (request.facialRegions ?? (Object.keys(facialRegions) as FacialRegion[])).map((name) =>
      oneOf('facial_regions', name, facialRegions),
    ),
    noiseDevice: oneOf('noise_device', request.noiseDevice ?? 'cpu', noiseSources),
    corrections: (request.corrections ?? []).map((name) => oneOf('corrections', name, corrections)),
    format: oneOf('format', request.format ?? 'png', outputFormats),
  };
  checkSize(manifest, options.width, options.height);
  return options;
}

/** 0.6 of 50 steps is step 30. A whole number is a step itself; "1.0" is all of them. */
export function mergeStepOf(value: number | string, steps: number): number {
  const number = Number(value);
  const isFraction = typeof value === 'string' ? value.includes('.') : !Number.isInteger(value);
  const [least, most] = isFraction ? [0, 1] : [-1, steps];
  if (!(number >= least && number <= most))
    throw refused('merge_step', value, `a whole number from -1 to ${steps} (the steps), or a fraction from 0.0 to 1.0`);
  return isFraction ? Math.round(number * steps) : number;
}

/** The seed of the k-th image: seeds run on and wrap at 2³². */
export const seedOfImage = (seed: number, k: number): number => (seed + k) % 2 ** 32;

function checkSize({ name, sizes }: Pack['manifest'], width: number, height: number): void {
  if (Array.isArray(sizes)) {
    if (sizes.some(([w, h]) => w === width && h === height)) return;
    throw refused('width × height', `${width}×${height}`, `${sizes.map(([w, h]) => `${w}×${h}`).join(', ')} with the pack ${name}`);
  }
  for (const [side, value] of [
    ['width', width],
    ['height', height],
  ] as const) {
    const { min, max, step } = sizes[side];
    if (!Number.isInteger(value) || value < min || value > max || value % step !== 0) {
      throw refused(side, value, `a multiple of ${step} from ${min} to ${max} with the pack ${name}`);
    }
  }
}

const refused = (field: string, value: unknown, allowed: string) =>
  new PipelineError('invalid_argument', `${field} ${JSON.stringify(value)} is not allowed; it must be ${allowed}.`, {
    field,
    value,
    allowed,
  });

function text(field: string, value: string, least: number): string {
  if (value.length >= least && value.length <= 2000) return value;
  throw new PipelineError('invalid_argument', `${field} has ${value.length} characters; ${least} to 2000 are allowed.`, {
    field,
    length: value.length,
  });
}

function whole(field: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw refused(field, value, `a whole number from ${least} to ${most}`);
}

function between(field: string, value: number, least: number, most: number): number {
  if (value >= least && value <= most) return value;
  throw refused(field, value, `from ${least} to ${most}`);
}

function oneOf<T extends object>(field: string, value: string, allowed: T): keyof T & string {
  if (Object.hasOwn(allowed, value)) return value as keyof T & string;
  throw refused(field, value, `one of ${Object.keys(allowed).join(', ')}`);
}
