/** Which files the entries of a pack stand for. A file may be a link: packs refer to files where they lie. */
import { open, readdir, realpath, stat } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { z } from 'zod';
import type { PackManifest } from './catalog.ts';
import { PackError } from './errors.ts';

export interface PackFile {
  /** Relative to the pack's folder. */
  readonly name: string;
  readonly bytes: number;
}

/** The weights in a folder of diffusers or transformers. */
export interface FolderWeights {
  /** Of a checkpoint in parts: the name of its index, and which part has which key. */
  readonly index?: { readonly name: string; readonly owners: ReadonlyMap<string, string> };
  readonly files: readonly string[];
}

/** Far beyond any configuration, vocabulary or index that was ever published. */
const longestJson = 32 << 20;

/** Names in the order of preference: safetensors come before pickles. */
const stems = [
  ['diffusion_pytorch_model', 'safetensors'],
  ['model', 'safetensors'],
  ['diffusion_pytorch_model', 'bin'],
  ['pytorch_model', 'bin'],
] as const;

/** A part lies beside its index. */
const WeightMap = z.object({ weight_map: z.record(z.string(), z.string().regex(/^[^/\\]+\.(safetensors|bin)$/)) });

/** Every file the manifest names, folders resolved to their files. @throws PackError for one that is missing */
export async function packFiles(folder: string, manifest: PackManifest): Promise<PackFile[]> {
  if (manifest.pipeline === 'noop') return [];
  const networks = [manifest.text_encoder, manifest.text_encoder_2, manifest.unet, manifest.vae, manifest.image_encoder];
  const face = [manifest.parser, manifest.detector, manifest.recognizer, manifest.attribute_regressor];
  const single = [...networks, manifest.consistentid, ...face];
  const names = [
    ...(await flatMap(networks, async (source) => (source && 'folder' in source ? networkFiles(folder, source) : []))),
    ...single.flatMap((source) => (source && 'file' in source ? source.file : [])),
    ...(await flatMap([manifest.tokenizer, manifest.tokenizer_2], async (at) => (at ? filesIn(folder, at) : []))),
    ...(typeof manifest.scheduler === 'string' ? [manifest.scheduler] : []),
  ];
  return Promise.all([...new Set(names)].map((name) => fileAt(folder, name, manifest.name)));
}

const flatMap = async <T, U>(items: readonly T[], each: (item: T) => Promise<U[]>): Promise<U[]> =>
  (await Promise.all(items.map(each))).flat();

async function networkFiles(folder: string, source: { folder: string; variant?: string | undefined }): Promise<string[]> {
  const { index, files } = await findWeights(join(folder, source.folder), source.variant);
  return ['config.json', ...(index ? [index.name] : []), ...files].map((name) => join(source.folder, name));
}

async function filesIn(folder: string, name: string): Promise<string[]> {
  const entries = await readdir(resolve(folder, name)).catch(() => undefined);
  if (!entries) return [name]; // missing, which the caller says, or a file
  return flatMap(entries, async (entry) => ((await stat(resolve(folder, name, entry))).isFile() ? [join(name, entry)] : []));
}

/** Every file in a folder and in the folders below it, relative to it. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

async function fileAt(folder: string, name: string, pack: string): Promise<PackFile> {
  const file = resolve(folder, name);
  const found = await stat(file).catch((cause: unknown) => {
    throw new PackError(`Pack ${pack} lacks ${name}.`, { pack, file }, { cause });
  });
  return { name, bytes: found.size };
}

/**
 * The weights of a folder: one file, or the parts that an index names. With a variant only the files of that variant count.
 * @throws PackError when there are none, or when the index is malformed or names a part elsewhere
 */
export async function findWeights(at: string, variant?: string): Promise<FolderWeights> {
  const folder = await realFolder(at);
  const present = new Set(await readdir(folder).catch(() => []));
  const suffix = variant === undefined ? '' : `.${variant}`;
  for (const [stem, extension] of stems) {
    const single = `${stem}${suffix}.${extension}`;
    if (present.has(single)) return { files: [single] };
    const index = [`${stem}.${extension}.index${suffix}.json`, `${single}.index.json`].find((name) => present.has(name));
    if (index !== undefined) return partsOf(folder, index);
  }
  throw new PackError(`${folder} has no weights${variant === undefined ? '' : ` of the variant ${variant}`}.`, {
    file: folder,
    present: [...present].sort(),
  });
}

/** Without links, as messages name it. */
export const realFolder = (at: string): Promise<string> => realpath(at).catch(() => at);

/** The variants in which a folder has its weights; undefined stands for the one without a name. The preferred one is first. */
export async function weightVariants(folder: string): Promise<(string | undefined)[]> {
  const names = (await readdir(folder).catch(() => [])).map((name) => name.replace(/-\d+-of-\d+/, ''));
  const pattern = /^(?:diffusion_pytorch_model|pytorch_model|model)(?:\.([\w-]+))?\.(?:safetensors|bin)$/;
  const found = new Set(names.flatMap((name) => pattern.exec(name)?.[1] ?? (pattern.test(name) ? '' : [])));
  return [...found].sort().map((variant) => variant || undefined);
}

async function partsOf(folder: string, name: string): Promise<FolderWeights> {
  const file = join(folder, name);
  const parsed = WeightMap.safeParse(await readJsonFile(file));
  if (!parsed.success) throw new PackError(`${file} is no index of weights: ${z.prettifyError(parsed.error)}`, { file });
  const owners = new Map(Object.entries(parsed.data.weight_map));
  if (owners.size === 0) throw new PackError(`${file} names no weights.`, { file });
  return { index: { name, owners }, files: [...new Set(owners.values())] };
}

/** The object in a JSON file. @throws PackError when it cannot be read, is no JSON object or is larger than any real one */
export async function readJsonFile(file: string, limit = longestJson): Promise<Record<string, unknown>> {
  const fail = (what: string, cause?: unknown) => new PackError(`${file} ${what}`, { file }, { cause });
  const handle = await open(file).catch((cause: Error) => {
    throw fail(`cannot be read: ${cause.message}`, cause);
  });
  try {
    const { size } = await handle.stat();
    if (size > limit) throw fail(`has ${size} bytes; a JSON file of a model has at most ${limit}.`);
    const json: unknown = JSON.parse(await handle.readFile('utf8'));
    if (typeof json !== 'object' || json === null || Array.isArray(json)) throw fail('is no JSON object.');
    return json as Record<string, unknown>;
  } catch (cause) {
    if (cause instanceof PackError) throw cause;
    throw fail(`cannot be read: ${(cause as Error).message}`, cause);
  } finally {
    await handle.close();
  }
}
