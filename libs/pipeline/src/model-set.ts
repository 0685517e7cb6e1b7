/** The loaded models of a pack. Each is built and loaded when a stage first asks for it, so a worker only holds what its stage uses. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSession, float32, floats, type ExecutionProvider, type Session } from '@likeness/inference';
import {
  PackNetworks,
  readInt8Calibration,
  type BuiltNetwork,
  type ConvRanges,
  type ConsistentIdPack,
  type LatentSpace,
  type StoredNetwork,
} from '@likeness/models';
import { clipImageConfigOf, type ClipImageConfig } from './embedding/clip-image.ts';
import { PipelineError } from './errors.ts';
import { FACIAL_TOKEN, IMAGE_TOKEN } from './diffusion/facial-markers.ts';
import { recognitionScaling, type DetectorOptions, type RecognitionScaling } from './parsing/face-analysis.ts';
import type { ChannelOrder } from './parsing/face-detection.ts';
import type { PromptRow } from './diffusion/prompt-rows.ts';
import type { FloatTensor } from './safetensors.ts';
import { ClipTokenizer, loadClipTokenizer, type ClipTokenizerOptions } from './tokenizer/index.ts';

/** What stage 1 needs. */
export interface ParsingModels {
  readonly pack: ConsistentIdPack;
  readonly channelOrder: ChannelOrder;
  /** Side of the parser's input. */
  readonly parserSize: number;
  parser(): Promise<Session>;
  /** Null: the pack has none. */
  detector(): Promise<{ readonly session: Session; readonly options: DetectorOptions } | null>;
}

/** What stage 2 needs. */
export interface EmbeddingModels {
  readonly pack: ConsistentIdPack;
  readonly channelOrder: ChannelOrder;
  clipImage(): Promise<ClipImageConfig>;
  recogniser(): Promise<{ readonly session: Session; readonly scaling: RecognitionScaling }>;
  imageEncoder(): Promise<Session>;
  identityProjection(): Promise<Session>;
  visualProjection(): Promise<Session>;
  /** A value that depends on the models alone, computed at its first use. */
  once(name: string, compute: () => Promise<FloatTensor>): Promise<FloatTensor>;
}

/** What the network sees in latents [1, z, h, w] at a timestep, without and with the prompt: [2, z, h, w]. */
export type Predict = (latents: Float32Array, timestep: number, rows: PromptRow, identityScale: number) => Promise<Float32Array>;

/** What stage 3 needs for its texts. */
export interface PromptModels {
  readonly pack: ConsistentIdPack;
  tokenizer(): Promise<ClipTokenizer>;
  textEncoder(): Promise<Session>;
  /** SDXL only, as the second encoder. */
  tokenizer2(): Promise<ClipTokenizer>;
  textEncoder2(): Promise<Session>;
  fuse(): Promise<Session>;
}

/** What stage 3 needs. Heights and widths are those of the latents. */
export interface DiffusionModels extends PromptModels {
  latents(): Promise<LatentSpace>;
  schedulerConfig(): Promise<Readonly<Record<string, unknown>>>;
  unet(height: number, width: number): Promise<Predict>;
  decoder(height: number, width: number): Promise<Session>;
}

export interface ModelSetOptions {
  readonly provider?: ExecutionProvider | undefined;
  readonly threads?: number | undefined;
  /** Where converted weights are kept. */
  readonly weightsFolder?: string | undefined;
  /** Of the UNet on the CPU. `int8` takes half the time on processors with VNNI or AMX, for packs that have been calibrated. */
  readonly precision?: Precision | undefined;
  /** Of a calibration that is not written yet, for int8. */
  readonly ranges?: ConvRanges | undefined;
}

export const precisions = ['float32', 'int8'] as const;
export type Precision = (typeof precisions)[number];

/**
 * Graphs have static shapes, so every picture size has its own two sessions; the sizes used last stay loaded, as many as have this many
 * latents together. The sizes of a pack in files share their weights; what a session has of its own grows with the area: SD1.5's UNet
 * takes 0.18 MB per latent, so this is one picture of 1024 × 1024 or four of 512 × 512, and 3 GB.
 */
const LATENTS_KEPT = 128 * 128;

/** What the guidance compares. */
const GUIDANCE_ROWS = 2;

/** How prompts become tokens; a training that reads captions otherwise would teach other words. */
export const promptTokenizer = { cleaning: 'huggingface-ftfy', addedTokens: [IMAGE_TOKEN, FACIAL_TOKEN] } as const;

export class ModelSet implements ParsingModels, EmbeddingModels, DiffusionModels {
  readonly pack: ConsistentIdPack;
  readonly networks: PackNetworks;
  readonly #options: ModelSetOptions;
  readonly #sessions = new Map<string, Promise<Session>>();
  readonly #values = new Map<string, Promise<unknown>>();

  constructor(pack: ConsistentIdPack, options: ModelSetOptions = {}) {
    this.pack = pack;
    this.networks = new PackNetworks(pack, { weightsFolder: options.weightsFolder, dialect: options.provider === 'cuda' ? 'cuda' : 'cpu' });
    this.#options = options;
  }

  get channelOrder(): ChannelOrder {
    return this.pack.manifest.face_channel_order;
  }

  get parserSize(): number {
    return this.pack.manifest.parser_size;
  }

  parser = () => this.#session('parser', () => this.networks.parser());

  async detector(): Promise<{ session: Session; options: DetectorOptions } | null> {
    const opened = this.networks.faces.detector();
    if (!opened) return null;
    const side = this.pack.manifest.detector_size;
    return {
      session: await this.#session('detector', async () => this.networks.detector()!),
      options: { size: [side, side], ...('config' in opened && { anchors: opened.config.anchors }) },
    };
  }

  async recogniser(): Promise<{ session: Session; scaling: RecognitionScaling }> {
    const session = await this.#session('recogniser', () => this.networks.recognizer());
    const scaling = await this.#value('recogniser scaling', async () => {
      const recognizer = this.networks.faces.recognizer();
      return 'path' in recognizer ? recognitionScaling(await readFile(recognizer.path)) : { mean: 127.5, std: 127.5 };
    });
    return { session, scaling };
  }

  /** As the processor's defaults are, at the size of the pack's encoder. */
  clipImage = async () => clipImageConfigOf(await this.networks.imageSize());

  imageEncoder = () => this.#session('image encoder', () => this.networks.imageEncoder());
  textEncoder = () => this.#session('text encoder', () => this.networks.textEncoder());
  textEncoder2 = () => this.#session('text encoder 2', () => this.networks.textEncoder2());
  identityProjection = () => this.#session('identity projection', () => this.networks.identityProjection());
  visualProjection = () => this.#session('visual projection', () => this.networks.visualProjection());
  fuse = () => this.#session('fuse', () => this.networks.fuse());

  tokenizer = () => this.#tokenizer('tokenizer', promptTokenizer);

  /** It pads with "!". The reference forgets to tell it the facial marker, and its published weights were used so. */
  tokenizer2 = () => this.#tokenizer('tokenizer_2', { cleaning: 'huggingface-ftfy', addedTokens: [IMAGE_TOKEN], padToken: '!' });

  once(name: string, compute: () => Promise<FloatTensor>): Promise<FloatTensor> {
    return this.#value(name, compute);
  }

  latents = () => this.networks.latents();
  latentColours = () => this.#value('latent colours', () => this.networks.latentColours());
  schedulerConfig = () => this.networks.schedulerConfig();

  /** One run of the UNet, of as many rows as are faster together than one by one. */
  denoiser(height: number, width: number): Promise<Session> {
    return this.#sized('unet', height, width, async () => this.networks.unet(height, width, this.#rowsTogether, await this.#ranges()));
  }

  async unet(height: number, width: number): Promise<Predict> {
    return predictWith(await this.denoiser(height, width), (await this.latents()).factor);
  }

  /** The denoiser of one row in float32, which also gives the ranges of the convolutions of `keys`; the caller releases it. */
  async observedDenoiser(height: number, width: number): Promise<{ readonly session: Session; readonly keys: readonly string[] }> {
    const network = await this.networks.observedUnet(height, width);
    return { session: await this.#load(network), keys: network.keys };
  }

  /**
   * Without and with the prompt. A CPU is busy with one row and gains nothing from a second (SD1.5 at 64 × 64 on two cores: 9.0 s one by
   * one, 9.6 s together), which costs memory (4.1 against 4.6 GB); a GPU does.
   */
  get #rowsTogether(): 1 | 2 {
    return (this.#options.provider ?? 'cpu') === 'cpu' ? 1 : GUIDANCE_ROWS;
  }

  decoder(height: number, width: number): Promise<Session> {
    return this.#sized('decoder', height, width, () => this.networks.decoder(height, width));
  }

  /** Loads what a stage needs, the last one at the pack's default size. */
  async warmUp(stage: 'parse' | 'embed' | 'sample'): Promise<void> {
    if (stage === 'parse') {
      await this.detector();
      await this.parser();
    } else if (stage === 'embed') {
      await this.recogniser();
      for (const load of [this.imageEncoder, this.identityProjection, this.visualProjection]) await load();
    } else {
      const second = this.pack.manifest.text_encoder_2 ? [this.tokenizer2, this.textEncoder2] : [];
      for (const load of [this.tokenizer, this.textEncoder, ...second, this.fuse]) await load();
      const { width, height } = this.pack.manifest.defaults;
      const { factor } = await this.latents();
      await this.unet(height / factor, width / factor);
      await this.decoder(height / factor, width / factor);
    }
  }

  async release(): Promise<void> {
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    for (const session of await Promise.allSettled(sessions)) if (session.status === 'fulfilled') await session.value.release();
  }

  /** Those of the convolutions, for 8-bit integers; undefined: float32. */
  async #ranges(): Promise<ConvRanges | undefined> {
    if (this.#options.precision !== 'int8') return this.#options.ranges;
    return (await readInt8Calibration(this.#options.weightsFolder, this.pack)).ranges;
  }

  /** The pack's own vocabulary, or CLIP's. */
  #tokenizer(name: 'tokenizer' | 'tokenizer_2', options: ClipTokenizerOptions): Promise<ClipTokenizer> {
    return this.#value(name, async () => {
      const folder = this.pack.manifest[name];
      const tokenizer = folder ? await loadClipTokenizer(join(this.pack.folder, folder), options) : new ClipTokenizer(options);
      const known = await this.networks.vocabularySize(name === 'tokenizer' ? 'text_encoder' : 'text_encoder_2');
      if (tokenizer.size <= known) return tokenizer;
      const message = `The vocabulary of the pack ${this.pack.manifest.name} has ${tokenizer.size} ids, its text encoder knows ${known}.`;
      throw new PipelineError('model_unusable', message, { pack: this.pack.manifest.name });
    });
  }

  #session(key: string, build: () => Promise<BuiltNetwork | StoredNetwork>): Promise<Session> {
    let session = this.#sessions.get(key);
    if (!session) {
      session = build().then((network) => this.#load(network));
      session.catch(() => this.#sessions.delete(key)); // a failure is not remembered
      this.#sessions.set(key, session);
    }
    return session;
  }

  /** The session of a size; the one used longest ago gives way. */
  async #sized(kind: string, height: number, width: number, build: () => Promise<BuiltNetwork>): Promise<Session> {
    const key = `${kind} ${width}×${height}`;
    const session = this.#session(key, build);
    this.#sessions.delete(key);
    this.#sessions.set(key, session); // now the last one
    let kept = 0;
    for (const other of [...this.#sessions.keys()].filter((name) => name.startsWith(`${kind} `)).toReversed()) {
      const [w = 0, h = 0] = other
        .slice(kind.length + 1)
        .split('×')
        .map(Number);
      kept += w * h;
      if (kept <= LATENTS_KEPT || other === key) continue;
      const gone = this.#sessions.get(other);
      this.#sessions.delete(other);
      await (await gone)?.release();
    }
    return session;
  }

  #load(network: BuiltNetwork | StoredNetwork): Promise<Session> {
    const { provider, threads } = this.#options;
    const common = {
      name: `${this.pack.manifest.name}/${network.name}`,
      keepMemory: network.name !== 'vae_decoder', // one run per picture, with the largest values of all
      ...(provider && { provider }),
      ...(threads && { threads }),
    };
    if ('path' in network) return createSession({ ...common, path: network.path });
    return createSession({
      ...common,
      bytes: network.bytes,
      ...(network.externalFolder !== undefined && { folder: network.externalFolder, compiled: this.#compiled(network) }),
    });
  }

  /** Networks with weights in files are kept as optimised, beside the converted weights. */
  #compiled({ name, fingerprint }: BuiltNetwork) {
    const { weightsFolder, precision, ranges } = this.#options;
    const pack = name === 'unet' && (precision === 'int8' || ranges !== undefined);
    return weightsFolder === undefined ? undefined : { folder: join(weightsFolder, 'compiled'), fingerprint, pack };
  }

  #value<T>(key: string, compute: () => Promise<T>): Promise<T> {
    let value = this.#values.get(key) as Promise<T> | undefined;
    if (!value) {
      value = compute();
      value.catch(() => this.#values.delete(key));
      this.#values.set(key, value);
    }
    return value;
  }
}

/** SDXL is told of the picture's size before cropping, the corner of the crop, and the size wanted; here there is no crop. [rows, 6] */
export function timeIdsOf(height: number, width: number, rows: number): FloatTensor {
  return float32([rows, 6], repeated(Float32Array.of(height, width, 0, 0, height, width), rows));
}

/** Both rows of the guidance through a session of one row or two. */
export function predictWith(session: Session, factor: number): Predict {
  const shape = session.inputs.find(({ name }) => name === 'sample')!.dims as number[]; // [rows, z, h, w]
  const [rows, , height, width] = shape as [number, number, number, number];
  const timeIds = timeIdsOf(height * factor, width * factor, rows);
  return async (latents, timestep, { tokens, pooled }, identityScale) => {
    const sample = repeated(latents, rows);
    const predicted = new Float32Array(GUIDANCE_ROWS * latents.length);
    for (let row = 0; row < GUIDANCE_ROWS; row += rows) {
      const { sample_out } = await session.run({
        sample: float32(shape, sample),
        timestep: float32([rows], new Float32Array(rows).fill(timestep)),
        encoder_hidden_states: takeRows(tokens, row, rows),
        ip_scale: float32([1], Float32Array.of(identityScale)),
        ...(pooled && { text_embeds: takeRows(pooled, row, rows), time_ids: timeIds }),
      });
      predicted.set(floats(sample_out!, 'sample_out'), row * latents.length);
    }
    return predicted;
  };
}

function repeated(values: Float32Array, times: number): Float32Array {
  const all = new Float32Array(times * values.length);
  for (let i = 0; i < times; i++) all.set(values, i * values.length);
  return all;
}

/** `count` rows of [n, …] from row `from`, without a copy. */
function takeRows({ dims, data }: FloatTensor, from: number, count: number): FloatTensor {
  const row = data.length / dims[0]!;
  return float32([count, ...dims.slice(1)], data.subarray(from * row, (from + count) * row));
}
