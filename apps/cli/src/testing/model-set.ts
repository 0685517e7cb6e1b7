/** A complete model set on disk, in every form in which such files are found. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { PackParts } from '@likeness/models';
import { clipVocabulary, vocabularyFiles } from '@likeness/pipeline';
import { ldmFile } from './ldm-names.ts';
import { tinyConfigs, tinyDetector, tinyRecognizer, type Tensors, type TinyWeights } from './tiny-weights.ts';
import { writeSafetensors, writeTorch, type Precision, type PrecisionOf, type Tree } from './weight-files.ts';

export interface Form {
  /** One precision, or one for each key. */
  readonly precision?: Precision | PrecisionOf;
  readonly extension?: 'safetensors' | 'bin';
  readonly variant?: string;
  readonly parts?: number;
  /** Names of the autoencoder's attention before mid-2023. */
  readonly oldAttention?: boolean;
  /** The base as one file: `.safetensors` or `.ckpt`. */
  readonly single?: 'safetensors' | 'ckpt';
  readonly adapter?: 'published' | 'sdxl names' | 'flat safetensors' | 'training dump' | 'tied training dump';
  /** face_parsing.pth as torch wrote it before 1.6, of data-parallel training. */
  readonly oldParser?: boolean;
}

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

export async function writeModelSet(folder: string, weights: TinyWeights, form: Form = {}): Promise<PackParts> {
  const precisionOf: PrecisionOf =
    typeof form.precision === 'function' ? form.precision : () => (form.precision as Precision | undefined) ?? 'F32';
  const at = (name: string) => join(folder, name);
  await mkdir(folder, { recursive: true });
  let base = at('base');
  if (form.single) {
    base = at(`realistic.${form.single}`);
    const tensors = ldmFile(weights);
    if (form.single === 'ckpt') await writeTorch(base, new Map<string, Tree>([['state_dict', tensors]]), precisionOf);
    else await writeSafetensors(base, tensors, precisionOf);
  } else {
    await writeBase(base, { ...weights, vae: form.oldAttention ? withOldAttention(weights.vae) : weights.vae }, form, precisionOf);
  }
  await writeNetwork(at('image_encoder'), 'model', tinyConfigs.image_encoder, weights.image_encoder, form, precisionOf);
  const parser = at('face_parsing.pth');
  const parserTensors = form.oldParser ? renamed(weights.parser, (key) => `module.${key}`) : weights.parser;
  await writeTorch(parser, parserTensors, () => 'F32', { legacy: form.oldParser ?? false });
  const adapter = await writeAdapter(folder, weights, form.adapter ?? 'published', precisionOf);
  const [detector, recognizer] = [at('det_10g.onnx'), at('w600k_r50.onnx')];
  await writeFile(detector, tinyDetector());
  await writeFile(recognizer, tinyRecognizer());
  return { base, imageEncoder: at('image_encoder'), adapter, parser, detector, recognizer };
}

async function writeBase(base: string, weights: TinyWeights, form: Form, precisionOf: PrecisionOf): Promise<void> {
  for (const name of ['unet', 'vae'] as const)
    await writeNetwork(join(base, name), 'diffusion_pytorch_model', tinyConfigs[name], weights[name], form, precisionOf);
  await writeNetwork(join(base, 'text_encoder'), 'model', tinyConfigs.text_encoder, weights.text_encoder, form, precisionOf);
  for (const [name, text] of Object.entries(vocabularyFiles(clipVocabulary()))) await write(join(base, 'tokenizer', name), text);
  await write(join(base, 'scheduler/scheduler_config.json'), JSON.stringify(scheduler));
  await write(join(base, 'model_index.json'), JSON.stringify({ _class_name: 'StableDiffusionPipeline' }));
}

async function writeNetwork(
  folder: string,
  name: string,
  config: object,
  tensors: Tensors,
  form: Form,
  precisionOf: PrecisionOf,
): Promise<void> {
  const { extension = 'safetensors', variant, parts = 1 } = form;
  const stem = extension === 'bin' && name === 'model' ? 'pytorch_model' : name;
  const suffix = variant === undefined ? '' : `.${variant}`;
  const save = (file: string, part: Tensors) =>
    (extension === 'bin' ? writeTorch : writeSafetensors)(join(folder, file), part, precisionOf);
  await write(join(folder, 'config.json'), JSON.stringify(config));
  if (parts === 1) return save(`${stem}${suffix}.${extension}`, tensors);
  const names = Array.from({ length: parts }, (_, i) => `${stem}${suffix}-0000${i + 1}-of-0000${parts}.${extension}`);
  const owner = new Map([...tensors.keys()].map((key, i) => [key, names[i % parts]!]));
  for (const file of names) await save(file, new Map([...tensors].filter(([key]) => owner.get(key) === file)));
  await write(
    join(folder, `${stem}.${extension}.index${suffix}.json`),
    JSON.stringify({ metadata: {}, weight_map: Object.fromEntries(owner) }),
  );
}

async function writeAdapter(
  folder: string,
  { consistentid, unet }: TinyWeights,
  how: NonNullable<Form['adapter']>,
  precisionOf: PrecisionOf,
): Promise<string> {
  const sdxl = (key: string) => key.replace('image_proj.', 'image_proj_model.');
  const at = (name: string) => join(folder, name);
  if (how === 'published' || how === 'sdxl names') {
    const part = (prefix: string) =>
      new Map([...consistentid].flatMap(([key, tensor]) => (key.startsWith(prefix) ? [[key.slice(prefix.length), tensor] as const] : [])));
    const tree = ['FacialEncoder', 'image_proj', 'adapter_modules'].map(
      (name) => [how === 'published' ? name : sdxl(`${name}.`).slice(0, -1), part(`${name}.`)] as const,
    );
    // as published: the projection alone is bfloat16
    await writeTorch(at('ConsistentID-v1.bin'), new Map<string, Tree>(tree), (key) =>
      key.startsWith('image_proj.') ? 'BF16' : precisionOf(key),
    );
    return at('ConsistentID-v1.bin');
  }
  const flat = renamed(consistentid, sdxl);
  if (how === 'flat safetensors') {
    await writeSafetensors(at('ConsistentID.safetensors'), flat, precisionOf);
    return at('ConsistentID.safetensors');
  }
  const frozen = renamed(unet, (key) => `unet.${key}`);
  const tied = how === 'tied training dump' ? renamed(flat, underAttention) : flat;
  await writeTorch(
    at('pytorch_model.bin'),
    renamed(new Map([...frozen, ...tied]), (key) => `module.${key}`),
    precisionOf,
  );
  return at('pytorch_model.bin');
}

/** The tiny UNet has attentions in the first block down, the last up, and the middle: twice two, two times two, two. */
const attentions = ['down_blocks.0.attentions.0', 'up_blocks.1.attentions.0', 'up_blocks.1.attentions.1', 'mid_block.attentions.0'];
const underAttention = (key: string): string =>
  key.replace(
    /^adapter_modules\.(\d+)\./,
    (_, i: string) => `unet.${attentions[Number(i) >> 1]!}.transformer_blocks.0.attn${(Number(i) % 2) + 1}.processor.`,
  );

const oldNames: Readonly<Record<string, string>> = { to_q: 'query', to_k: 'key', to_v: 'value', 'to_out.0': 'proj_attn' };
const withOldAttention = (vae: Tensors): Tensors =>
  renamed(vae, (key) =>
    key.replace(
      /(mid_block\.attentions\.0)\.(to_q|to_k|to_v|to_out\.0)\./,
      (_, path: string, name: string) => `${path}.${oldNames[name]!}.`,
    ),
  );

const renamed = (tensors: Tensors, rename: (key: string) => string): Tensors =>
  new Map([...tensors].map(([key, tensor]) => [rename(key), tensor]));

async function write(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}
