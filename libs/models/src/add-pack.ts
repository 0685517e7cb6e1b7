/** A pack made of the files people have. It refers to them where they lie, through links in its own folder; nothing is copied. */
import { readdir, realpath, stat, symlink } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { openCheckpoint } from '@likeness/graph';
import { z } from 'zod';
import { PackManifest, type ConsistentIdManifest } from './catalog.ts';
import { PackError } from './errors.ts';
import { readJsonFile, realFolder, weightVariants } from './pack-files.ts';
import { publishPack, type PublishOptions } from './publish-pack.ts';

/** Where the parts of a pack are. */
export interface PackParts {
  /** A diffusers folder, or Stable Diffusion 1.x in one file. */
  readonly base: string;
  /** A transformers folder of CLIP's image tower. */
  readonly imageEncoder: string;
  readonly adapter: string;
  readonly parser: string;
  readonly detector: string;
  readonly recognizer: string;
}

export interface PackFacts {
  readonly name: string;
  readonly title?: string | undefined;
  readonly licence?: string | undefined;
  readonly notes?: readonly string[] | undefined;
  /** Take the files of this variant (`fp16`) where a folder has them; default: the plain files, else the first variant. */
  readonly variant?: string | undefined;
  /** Sides of the inputs; default: those of the published parser, and 640. */
  readonly parserSize?: number | undefined;
  readonly detectorSize?: number | undefined;
  /** False for weights that did not come from training. */
  readonly trained?: boolean | undefined;
}

/**
 * Puts the pack together, checks every file of it, and only then lets it appear in `packsFolder`, whole.
 * @throws PackError, WeightError or ModelError with file, key or field
 */
export const addPack = (
  packsFolder: string,
  facts: PackFacts,
  parts: PackParts,
  options: PublishOptions = {},
): Promise<ConsistentIdManifest> =>
  publishPack(packsFolder, facts.name, options, async (staging) => describe(staging, facts, await link(staging, parts)));

/** Names in the pack's folder. */
type Links = Readonly<Record<keyof PackParts, string>>;

async function link(staging: string, parts: PackParts): Promise<Links> {
  const names: Record<keyof PackParts, string> = {
    base: 'base',
    imageEncoder: 'image-encoder',
    adapter: 'consistentid',
    parser: 'parser',
    detector: 'detector',
    recognizer: 'recognizer',
  };
  for (const part of Object.keys(names) as (keyof PackParts)[]) {
    const at = resolve(parts[part]);
    const found = await stat(at).catch((cause: unknown) => {
      throw new PackError(`There is no ${at}, where the ${part} should be.`, { part, file: at }, { cause });
    });
    if (found.isFile()) names[part] += extname(at);
    await symlink(await resolvedFolder(at, found.isDirectory()), join(staging, names[part]));
  }
  return names;
}

/** A folder by its real path; a file by the path given, which in a hub's cache has the name and the real one has not. */
const resolvedFolder = (at: string, isFolder: boolean) => (isFolder ? realpath(at) : at);

/** The size, steps and texts with which the reference was published (JackAILab/ConsistentID e234008: infer.py, infer_SDXL.py). */
const defaults = {
  steps: 50,
  scheduler: 'euler',
  merge_step: 0.6,
  identity_scale: 1,
  negative_prompt: 'monochrome, lowres, bad anatomy, worst quality, low quality, blurry',
};
const side = { min: 256, max: 1024, step: 8 };
const largeSide = { min: 512, max: 1152, step: 8 };

async function describe(folder: string, facts: PackFacts, links: Links): Promise<ConsistentIdManifest> {
  const base = (await stat(join(folder, links.base))).isDirectory()
    ? await diffusersBase(folder, links.base, facts.variant)
    : singleFileBase(folder, links.base);
  const isXl = base.pipeline === 'consistentid-sdxl';
  const parsed = PackManifest.safeParse({
    name: facts.name,
    version: '1',
    title: facts.title ?? `ConsistentID on ${isXl ? 'SDXL' : 'Stable Diffusion 1.5'}`,
    licence: facts.licence ?? 'see the licences of its files',
    notes: facts.notes ?? [],
    trained: facts.trained ?? true,
    sizes: isXl ? { width: largeSide, height: largeSide } : { width: side, height: side },
    defaults: isXl
      ? { width: 864, height: 1152, guidance_scale: 7.5, ...defaults }
      : { width: 512, height: 768, guidance_scale: 5, ...defaults },
    ...base,
    image_encoder: await network(folder, links.imageEncoder, facts.variant),
    consistentid: { file: links.adapter },
    parser: { file: links.parser },
    detector: { file: links.detector },
    recognizer: { file: links.recognizer },
    parser_size: facts.parserSize ?? (isXl ? 1280 : 512),
    detector_size: facts.detectorSize,
    face_channel_order: isXl ? 'bgr' : 'reference',
  });
  if (parsed.success && parsed.data.pipeline !== 'noop') return parsed.data;
  throw new PackError(`Pack ${facts.name} would be malformed: ${parsed.error ? z.prettifyError(parsed.error) : 'it has no networks'}`, {
    pack: facts.name,
  });
}

type Base = Pick<ConsistentIdManifest, 'pipeline' | 'text_encoder' | 'unet' | 'vae' | 'tokenizer' | 'scheduler'> &
  Partial<ConsistentIdManifest>;

async function diffusersBase(folder: string, base: string, variant: string | undefined): Promise<Base> {
  const at = await realFolder(join(folder, base));
  const present = new Set(await readdir(at));
  for (const needed of ['unet', 'vae', 'text_encoder', 'scheduler']) {
    if (present.has(needed)) continue;
    const has = [...present].sort().slice(0, 20).join(', ') || 'nothing';
    throw new PackError(`${at} is no diffusers folder: it has no ${needed}, but ${has}.`, { file: at });
  }
  const isXl = present.has('text_encoder_2');
  const index = present.has('model_index.json') ? await readJsonFile(join(folder, base, 'model_index.json')) : {};
  const tokenizer = (name: string) => (present.has(name) ? `${base}/${name}` : null);
  return {
    pipeline: isXl ? 'consistentid-sdxl' : 'consistentid-sd15',
    text_encoder: await network(folder, `${base}/text_encoder`, variant),
    unet: await network(folder, `${base}/unet`, variant),
    vae: await network(folder, `${base}/vae`, variant),
    tokenizer: tokenizer('tokenizer'),
    scheduler: `${base}/scheduler/scheduler_config.json`,
    ...(isXl && {
      text_encoder_2: await network(folder, `${base}/text_encoder_2`, variant),
      tokenizer_2: tokenizer('tokenizer_2'),
      force_zeros_for_empty_prompt: index['force_zeros_for_empty_prompt'] !== false,
    }),
  };
}

async function network(folder: string, name: string, wanted: string | undefined): Promise<{ folder: string; variant?: string }> {
  const variants = await weightVariants(join(folder, name));
  const variant = variants.includes(wanted) ? wanted : variants[0];
  return { folder: name, ...(variant !== undefined && { variant }) };
}

/** The file names no scheduler; this is the one Stable Diffusion 1.x was published with. */
const scheduler = {
  _class_name: 'PNDMScheduler',
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  num_train_timesteps: 1000,
  set_alpha_to_one: false,
  skip_prk_steps: true,
  steps_offset: 1,
  clip_sample: false,
};

function singleFileBase(folder: string, file: string): Base {
  const checkpoint = openCheckpoint(join(folder, file));
  const isXl = checkpoint.keys.some((key) => key.startsWith('conditioner.embedders.'));
  checkpoint.close();
  if (isXl)
    throw new PackError(`${checkpoint.name} is SDXL in one file, which cannot be read; its diffusers folder can.`, {
      file: checkpoint.name,
    });
  const part = <P extends 'unet' | 'vae' | 'text_encoder'>(name: P) => ({ file, part: name });
  return {
    pipeline: 'consistentid-sd15',
    text_encoder: part('text_encoder'),
    unet: part('unet'),
    vae: part('vae'),
    tokenizer: null,
    scheduler,
  };
}
