/**
 * Packs: complete sets of models, each a folder `packs/<name>/` with a `pack.json`. A pack says what it can do (sizes, defaults),
 * what may be done with it (licence), and where every network's configuration and weights come from.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { PackError } from './errors.ts';
import { packFiles, type PackFile } from './pack-files.ts';

const path = z.string().min(1);

/** Weights that follow from the checkpoint keys by the hash rule: a real architecture without a trained model. */
const HashWeights = z.strictObject({
  hash: z.int().min(0).max(0xffff_ffff),
  gain: z.number().positive().default(1),
  /** Key parts that mark PReLU slopes. */
  prelu: z.array(z.string()).default([]),
});

/** A folder as diffusers and transformers write it: `config.json` and the weights beside it (`<name>.<variant>.safetensors` with a variant). */
const Folder = z.strictObject({ folder: path, variant: z.string().optional() });
/** A configuration written here, with weights by the hash rule. */
const Drawn = z.strictObject({ config: z.record(z.string(), z.unknown()), weights: HashWeights });
/** A configuration written here, with the weights of a file. */
const Configured = z.strictObject({ config: Drawn.shape.config, file: path });
/** A part of Stable Diffusion 1.x in one file (`.safetensors` or `.ckpt`); its configuration follows from the tensors. */
const Part = z.strictObject({ file: path, part: z.enum(['unet', 'vae', 'text_encoder']) });
const Network = z.union([Folder, Drawn, Configured, Part]);

/** A checkpoint whose configuration follows from its tensors. */
const Checkpoint = z.strictObject({ file: path });
/** A network that has no configuration file: a checkpoint, or weights by the hash rule. */
const FaceNetwork = z.union([Checkpoint, z.strictObject({ config: Drawn.shape.config.default({}), weights: HashWeights })]);

const side = z.int().positive();
const range = z.strictObject({ min: side, max: side, step: side });

export const packName = /^[a-z0-9][a-z0-9._-]{0,63}$/;

const common = {
  name: z.string().regex(packName),
  version: z.string().min(1),
  title: z.string(),
  licence: z.string().min(1),
  notes: z.array(z.string()).default([]),
  /** Whether the weights come from training: a pack without makes patterns, not portraits. */
  trained: z.boolean(),
  /** Fixed pairs, or a range for each side; pixels. */
  sizes: z.union([z.array(z.tuple([side, side])).min(1), z.strictObject({ width: range, height: range })]),
  defaults: z.strictObject({
    width: side,
    height: side,
    steps: z.int().min(1).max(100),
    scheduler: z.string(),
    guidance_scale: z.number().min(1).max(20),
    merge_step: z.union([z.int().min(-1), z.number().gt(0).lt(1)]),
    identity_scale: z.number().min(0).max(2).default(1),
    negative_prompt: z.string().default(''),
  }),
};

const ConsistentIdManifest = z.strictObject({
  ...common,
  pipeline: z.enum(['consistentid-sd15', 'consistentid-sdxl']),
  text_encoder: Network,
  text_encoder_2: Network.optional(),
  /** A folder with vocab.json and merges.txt; CLIP's own vocabulary when null. */
  tokenizer: path.nullable(),
  tokenizer_2: path.nullable().optional(),
  /** SDXL: without a negative prompt its row is zero (a switch of the base's model_index.json). */
  force_zeros_for_empty_prompt: z.boolean().default(true),
  unet: Network,
  vae: Network,
  scheduler: z.union([path, z.record(z.string(), z.unknown())]),
  image_encoder: Network,
  /** Facial encoder, identity projection and adapter in one checkpoint. */
  consistentid: z.union([Checkpoint, Drawn]),
  /** BiSeNet. */
  parser: FaceNetwork,
  /** SCRFD as ONNX, or the tensors of one. Null: the centred square of the picture is taken for the face. */
  detector: FaceNetwork.nullable(),
  /** ArcFace as ONNX, or the tensors of an iresnet. */
  recognizer: FaceNetwork,
  /** For evaluation alone: an iresnet that recovers the numbers of a drawn person (`identityVector` of @likeness/portraits) from a picture. */
  attribute_regressor: FaceNetwork.optional(),
  /** Side of the parser's square input. */
  parser_size: z.int().min(32).default(512),
  /** Side of the detector's square input, where an ONNX file leaves it open. */
  detector_size: z.int().min(32).multipleOf(32).default(640),
  /** `reference` copies the RGB/BGR mix-up the published SD1.5 pipeline was used with. */
  face_channel_order: z.enum(['reference', 'bgr']).default('reference'),
  /** What every file must be, where the pack was made from files: their names as above, relative to the pack's folder. */
  files: z.record(path, z.strictObject({ bytes: z.int().min(0), sha256: z.string().regex(/^[0-9a-f]{64}$/) })).optional(),
});

/** Stages that only move bytes, for measuring everything around the models. */
const NoopManifest = z.strictObject({ ...common, pipeline: z.literal('noop') });

export const PackManifest = z.discriminatedUnion('pipeline', [ConsistentIdManifest, NoopManifest]);
export type PackManifest = z.infer<typeof PackManifest>;
export type ConsistentIdManifest = z.infer<typeof ConsistentIdManifest>;
export type NetworkSource = z.infer<typeof Network>;
export type CheckpointSource = z.infer<typeof Checkpoint>;
export type DrawnSource = z.infer<typeof Drawn>;
export type FaceNetworkSource = z.infer<typeof FaceNetwork>;
export type HashWeights = z.infer<typeof HashWeights>;

/** A manifest and where it lies; paths in it are relative to `folder`. */
export interface Pack<M extends PackManifest = PackManifest> {
  readonly folder: string;
  readonly manifest: M;
  /** SHA-256 over the manifest and over name and size of every file it names: changes when the pack does. */
  readonly digest: string;
}
export type ConsistentIdPack = Pack<ConsistentIdManifest>;

/** The packs that come with the repository. */
export const bundledPacks: string = fileURLToPath(new URL('../../../packs/', import.meta.url));

/**
 * The pack of that name from the first folder that has one.
 * @throws PackError when there is none or its manifest or a file it names is missing or malformed
 */
export async function loadPack(name: string, searchDirs: readonly string[] = [bundledPacks]): Promise<Pack> {
  const { folder, manifest } = await readManifest(name, searchDirs);
  return openPack(folder, manifest);
}

/** The manifest alone, whether or not the files it names are there. @throws PackError when there is none or it is malformed */
export async function readManifest(
  name: string,
  searchDirs: readonly string[] = [bundledPacks],
): Promise<{ readonly folder: string; readonly manifest: PackManifest }> {
  for (const dir of packName.test(name) ? searchDirs : []) {
    const folder = resolve(dir, name);
    const text = await readFile(join(folder, 'pack.json'), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
      throw new PackError(
        `Pack ${name}: pack.json cannot be read: ${error.message}`,
        { pack: name, file: join(folder, 'pack.json') },
        { cause: error },
      );
    });
    if (text === undefined) continue;
    const manifest = parseManifest(name, join(folder, 'pack.json'), text);
    if (manifest.name === name) return { folder, manifest };
    throw new PackError(`Pack ${name}: pack.json calls itself "${manifest.name}", but lies in a folder called "${name}".`, { pack: name });
  }
  const known = await packNames(searchDirs);
  throw new PackError(`There is no pack "${name}". ${known.length > 0 ? `Known are ${known.join(', ')}.` : 'No packs are installed.'}`, {
    pack: name,
    known,
  });
}

/**
 * A pack that lies in no folder of packs: its manifest is any file, beside which its paths begin.
 * @throws PackError when it is missing or malformed, or a file it names is missing
 */
export async function loadDraft(file: string): Promise<Pack> {
  const text = await readFile(file, 'utf8').catch((cause: Error) => {
    throw new PackError(`${file} cannot be read: ${cause.message}`, { file }, { cause });
  });
  return openPack(resolve(dirname(file)), parseManifest(basename(file), file, text));
}

/** Every pack in the folders, the first of each name; a malformed one is an error, not a gap in the list. */
export async function listPacks(searchDirs: readonly string[] = [bundledPacks]): Promise<Pack[]> {
  return Promise.all((await packNames(searchDirs)).map((name) => loadPack(name, searchDirs)));
}

/**
 * A pack from a manifest that lies in no file, e.g. put together from somebody's folders.
 * @throws PackError for a file that is missing, or of another size than the manifest says
 */
export async function openPack<M extends PackManifest>(folder: string, manifest: M): Promise<Pack<M>> {
  const files = await packFiles(folder, manifest);
  if ('files' in manifest && manifest.files) assertSizes(folder, manifest, files, manifest.files);
  const hash = createHash('sha256').update(JSON.stringify(manifest));
  for (const { name, bytes } of files.sort((a, b) => (a.name < b.name ? -1 : 1))) hash.update(`\n${name} ${bytes}`);
  return { folder, manifest, digest: hash.digest('hex') };
}

function assertSizes(
  folder: string,
  { name }: PackManifest,
  files: readonly PackFile[],
  promised: Record<string, { bytes: number }>,
): void {
  for (const file of files) {
    const bytes = Object.hasOwn(promised, file.name) ? promised[file.name]!.bytes : undefined;
    if (bytes === file.bytes) continue;
    const wanted =
      bytes === undefined ? 'that the pack was not made with' : `of ${file.bytes} bytes; the pack was made with one of ${bytes}`;
    throw new PackError(`Pack ${name}: ${file.name} is a file ${wanted}.`, { pack: name, file: join(folder, file.name) });
  }
}

function parseManifest(name: string, file: string, text: string): PackManifest {
  const fail = (what: string, cause?: unknown) => new PackError(`Pack ${name}: pack.json ${what}`, { pack: name, file }, { cause });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw fail(`is no JSON: ${(cause as Error).message}`, cause);
  }
  const parsed = PackManifest.safeParse(json);
  if (!parsed.success) throw fail(`is malformed:\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** The names of the packs in the folders, sorted. */
export async function packNames(searchDirs: readonly string[]): Promise<string[]> {
  const names = new Set<string>();
  for (const dir of searchDirs) {
    const entries = await readdir(dir, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    for (const entry of entries) {
      if (entry.name.startsWith('.') || (!entry.isDirectory() && !entry.isSymbolicLink())) continue;
      const manifest = await stat(join(dir, entry.name, 'pack.json')).catch(() => null);
      if (manifest) names.add(entry.name);
    }
  }
  return [...names].sort();
}
