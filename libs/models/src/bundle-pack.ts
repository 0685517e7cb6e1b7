/**
 * A pack that stands on its own, made of what training left: every network with its configuration in the layout of diffusers and
 * transformers, weights in halves, and the documents that go along. It can be copied anywhere, and committed.
 */
import { cp, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { isCheckpoint, writeSafetensors, type WeightSource, type WrittenTensor } from '@likeness/graph';
import { consistentIdWeights } from './consistentid-checkpoint.ts';
import type { ConsistentIdManifest, ConsistentIdPack, FaceNetworkSource, NetworkSource } from './catalog.ts';
import { PackError } from './errors.ts';
import { filesBelow, readJsonFile } from './pack-files.ts';
import { openNetwork, openWeights } from './pack-sources.ts';
import { publishPack, type PublishOptions } from './publish-pack.ts';

export interface BundleOptions extends PublishOptions {
  /** Default: halves. */
  readonly precision?: 'float16' | 'float32';
  /** The whole folder may not be larger. */
  readonly maxBytes?: number;
  /**
   * Files and folders that go along. Among them must be README.md, the model card, and LICENSE; in the card the line `<!-- networks -->`
   * is replaced by a table of the networks.
   */
  readonly documents: readonly string[];
}

export interface BundledNetwork {
  readonly name: string;
  readonly parameters: number;
  readonly bytes: number;
}

export interface Bundle {
  readonly manifest: ConsistentIdManifest;
  readonly networks: readonly BundledNetwork[];
  /** Of the whole folder. */
  readonly bytes: number;
}

/** @throws PackError, WeightError or ModelError, and then nothing is left in `packsFolder` */
export async function bundlePack(pack: ConsistentIdPack, packsFolder: string, options: BundleOptions): Promise<Bundle> {
  const networks: BundledNetwork[] = [];
  let bytes = 0;
  const manifest = await publishPack(packsFolder, pack.manifest.name, options, async (staging) => {
    const draft = await new Bundler(pack, staging, options.precision ?? 'float16', networks).bundle();
    await copyDocuments(staging, options.documents, networks);
    bytes = await sizeOf(staging);
    if (bytes > (options.maxBytes ?? Infinity))
      throw new PackError(`Pack ${draft.name} has ${bytes} bytes; ${options.maxBytes} are allowed.`, { pack: draft.name, bytes });
    return draft;
  });
  return { manifest, networks, bytes };
}

/** Which file of weights stands for a network, by the library that reads its folder. */
const stems = {
  text_encoder: 'model',
  text_encoder_2: 'model',
  image_encoder: 'model',
  unet: 'diffusion_pytorch_model',
  vae: 'diffusion_pytorch_model',
} as const;

class Bundler {
  readonly #pack: ConsistentIdPack;
  readonly #folder: string;
  readonly #type: 'F16' | 'F32';
  readonly #networks: BundledNetwork[];

  constructor(pack: ConsistentIdPack, folder: string, precision: 'float16' | 'float32', networks: BundledNetwork[]) {
    this.#pack = pack;
    this.#folder = folder;
    this.#type = precision === 'float16' ? 'F16' : 'F32';
    this.#networks = networks;
  }

  async bundle(): Promise<ConsistentIdManifest> {
    const { manifest } = this.#pack;
    const { text_encoder_2, tokenizer_2, detector, attribute_regressor } = manifest;
    return {
      ...manifest,
      text_encoder: await this.#network('text_encoder', manifest.text_encoder),
      ...(text_encoder_2 && { text_encoder_2: await this.#network('text_encoder_2', text_encoder_2) }),
      tokenizer: await this.#tokenizer('tokenizer', manifest.tokenizer),
      ...(tokenizer_2 !== undefined && { tokenizer_2: await this.#tokenizer('tokenizer_2', tokenizer_2) }),
      unet: await this.#network('unet', manifest.unet),
      vae: await this.#network('vae', manifest.vae),
      scheduler: await this.#scheduler(),
      image_encoder: await this.#network('image_encoder', manifest.image_encoder),
      consistentid: this.#write('consistentid', consistentIdWeights(openWeights(this.#pack, manifest.consistentid))),
      parser: await this.#faceNetwork('parser', manifest.parser),
      detector: detector && (await this.#faceNetwork('detector', detector)),
      recognizer: await this.#faceNetwork('recognizer', manifest.recognizer),
      ...(attribute_regressor && { attribute_regressor: await this.#faceNetwork('attribute_regressor', attribute_regressor) }),
    };
  }

  async #network(name: keyof typeof stems, source: NetworkSource): Promise<{ folder: string }> {
    const { config, weights } = await openNetwork(this.#pack, source);
    await mkdir(join(this.#folder, name));
    await writeJson(join(this.#folder, name, 'config.json'), config);
    this.#write(name, weights, join(name, stems[name]));
    return { folder: name };
  }

  async #faceNetwork(name: string, source: FaceNetworkSource): Promise<{ file: string }> {
    if (!('file' in source) || isCheckpoint(join(this.#pack.folder, source.file)))
      return this.#write(name, openWeights(this.#pack, source));
    const file = `${name}.onnx`;
    await cp(join(this.#pack.folder, source.file), join(this.#folder, file));
    return { file };
  }

  async #tokenizer(name: string, source: string | null): Promise<string | null> {
    if (source === null) return null;
    await cp(join(this.#pack.folder, source), join(this.#folder, name), { recursive: true, dereference: true });
    return name;
  }

  async #scheduler(): Promise<string> {
    const { scheduler } = this.#pack.manifest;
    const file = 'scheduler/scheduler_config.json';
    await mkdir(join(this.#folder, dirname(file)));
    await writeJson(
      join(this.#folder, file),
      typeof scheduler === 'string' ? await readJsonFile(join(this.#pack.folder, scheduler)) : scheduler,
    );
    return file;
  }

  #write(name: string, weights: WeightSource, stem = name): { file: string } {
    const tensors = tensorsOf(weights, this.#type);
    const file = `${stem}.safetensors`;
    writeSafetensors(join(this.#folder, file), tensors, this.#type);
    const parameters = [...tensors.values()].reduce((n, { values }) => n + values.length, 0);
    this.#networks.push({ name, parameters, bytes: parameters * (this.#type === 'F16' ? 2 : 4) });
    return { file };
  }
}

/** The largest number that a half can hold. */
const LARGEST_HALF = 65504;

/** Everything a checkpoint has but the counters of batch normalisation, which only its training needs. */
function tensorsOf(weights: WeightSource, type: 'F16' | 'F32'): Map<string, WrittenTensor> {
  if (!weights.keys) throw new PackError(`${weights.name} are computed from their keys: there is no tensor to be written.`);
  const largest = type === 'F16' ? LARGEST_HALF : Number.MAX_VALUE;
  const tensors = new Map<string, WrittenTensor>();
  for (const key of weights.keys.filter((name) => !name.endsWith('.num_batches_tracked'))) {
    const shape = weights.shape(key)!;
    const values = weights.read(key, shape);
    const wrong = values.find((x) => !(Math.abs(x) <= largest));
    if (wrong !== undefined)
      throw new PackError(`${weights.name}: "${key}" holds ${wrong}, which ${type} cannot.`, { file: weights.name, key });
    tensors.set(key, { shape, values });
  }
  return tensors;
}

async function copyDocuments(folder: string, documents: readonly string[], networks: readonly BundledNetwork[]): Promise<void> {
  for (const needed of ['README.md', 'LICENSE']) {
    if (documents.some((file) => basename(file) === needed)) continue;
    throw new PackError(`A pack that is given away has a ${needed}; among its documents there is none.`, { documents });
  }
  for (const document of documents) await cp(resolve(document), join(folder, basename(document)), { recursive: true, dereference: true });
  const card = join(folder, 'README.md');
  await writeFile(card, (await readFile(card, 'utf8')).replace('<!-- networks -->', tableOf(networks)));
}

const tableOf = (networks: readonly BundledNetwork[]): string =>
  [
    '| network | parameters | bytes |',
    '|---|--:|--:|',
    ...networks.map(({ name, parameters, bytes }) => `| ${name} | ${parameters} | ${bytes} |`),
  ].join('\n');

async function sizeOf(folder: string): Promise<number> {
  const sizes = await Promise.all((await filesBelow(folder)).map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

const writeJson = (file: string, value: unknown) => writeFile(file, `${JSON.stringify(value, null, 2)}\n`);
