/**
 * The networks of a ConsistentID pack, each built on demand from the pack's own configuration and weights. What one network must
 * know of another (widths, numbers of tokens) follows from their configurations, never from constants.
 */
import { join } from 'node:path';
import {
  exportGraph,
  int8,
  observeConvolutions,
  withoutPrefix,
  type ConvRanges,
  type Dialect,
  type ExportedGraph,
  type Graph,
  type WeightSource,
} from '@likeness/graph';
import { patchColours, type LatentColours } from './architectures/autoencoder-patch.ts';
import type { ClipTextConfig } from './architectures/clip-text.ts';
import type { ClipVisionConfig } from './architectures/clip-vision.ts';
import type { FacialEncoderConfig } from './architectures/facial-encoder.ts';
import type { IdentityProjectionConfig } from './architectures/identity-projection.ts';
import type { AdapterConfig } from './architectures/unet.ts';
import { autoencoderOf, latentScale, scaledColours, type AutoencoderConfig } from './autoencoders.ts';
import type { ConsistentIdPack, NetworkSource } from './catalog.ts';
import {
  adapterConfigOf,
  autoencoderConfig,
  clipTextConfig,
  clipVisionConfig,
  facialEncoderConfig,
  facialEncoderConfigOf,
  identityProjectionConfig,
  identityProjectionConfigOf,
  unetConfig,
} from './checkpoints.ts';
import {
  clipTextGraph,
  clipVisionGraph,
  faceDetectionGraph,
  faceParsingGraph,
  faceRecognitionGraph,
  fuseGraph,
  identityProjectionGraph,
  unetGraph,
  vaeDecoderGraph,
  visualProjectionGraph,
} from './compile.ts';
import { consistentIdWeights } from './consistentid-checkpoint.ts';
import { ModelError, PackError } from './errors.ts';
import { FaceNetworks } from './face-networks.ts';
import { readJsonFile } from './pack-files.ts';
import { openNetwork, openWeights } from './pack-sources.ts';

export interface BuiltNetwork extends ExportedGraph {
  readonly name: string;
  /** Elements of its weights. */
  readonly parameters: number;
}

/** A network that the pack already has as an ONNX file. */
export interface StoredNetwork {
  readonly name: string;
  readonly path: string;
}

export interface BuildOptions {
  /** Where weights that must be converted are kept (see `exportGraph`); without it they go into the graph. */
  readonly weightsFolder?: string | undefined;
  /**
   * Of the encoders and the UNet; default: `cpu`. The other networks are always float32: they are small, and SDXL's autoencoder
   * overflows in halves.
   */
  readonly dialect?: Dialect | undefined;
  /** Only checks keys and shapes: no weight is read, and the networks have no bytes. */
  readonly checkOnly?: boolean;
}

/** What the UNet's pictures are made of. */
export interface LatentSpace {
  /** Pixels per latent, along a side. */
  readonly factor: number;
  readonly channels: number;
  /** Per channel: the decoder takes x / divisor + mean. */
  readonly divisor: readonly number[];
  readonly mean: readonly number[];
}

/** Rows of the prompt. */
const TEXT_TOKENS = 77;

export class PackNetworks {
  readonly pack: ConsistentIdPack;
  readonly faces: FaceNetworks;
  readonly #options: BuildOptions;
  readonly #opened = new Map<string, Promise<unknown>>();

  constructor(pack: ConsistentIdPack, options: BuildOptions = {}) {
    this.pack = pack;
    this.faces = new FaceNetworks(pack);
    this.#options = options;
  }

  // ── stage 1

  /** image [1, 3, S, S] → labels uint8 [1, S, S] */
  async parser(): Promise<BuiltNetwork> {
    const { parser_size: size } = this.pack.manifest;
    const { weights, config } = this.faces.parser();
    return this.#build('parser', faceParsingGraph(weights, config, { height: size, width: size, outputs: ['labels'] }));
  }

  /** image [1, 3, S, S] → scores, boxes and landmarks of three strides; null where the pack has none */
  detector(): BuiltNetwork | StoredNetwork | null {
    const opened = this.faces.detector();
    if (!opened || 'path' in opened) return opened && { name: 'detector', ...opened };
    return this.#build('detector', faceDetectionGraph(opened.weights, opened.config, { size: this.pack.manifest.detector_size }));
  }

  // ── stage 2

  /** image [1, 3, 112, 112] → embedding [1, F] */
  async recognizer(): Promise<BuiltNetwork | StoredNetwork> {
    const { features, ...opened } = this.faces.recognizer();
    const { config } = await this.#identityProjection();
    if (features !== undefined && features !== config.id_embeddings_dim) {
      const message = `its embedding has ${features} numbers, the identity projection takes ${config.id_embeddings_dim}`;
      throw new ModelError('model_config_invalid', `The recogniser of the pack ${this.pack.manifest.name} does not fit: ${message}.`);
    }
    if ('path' in opened) return { name: 'recognizer', ...opened };
    return this.#build('recognizer', faceRecognitionGraph(opened.weights, opened.config));
  }

  /** Side of the image encoder's square input. */
  async imageSize(): Promise<number> {
    return (await this.#imageEncoder()).config.image_size;
  }

  /** pixel_values [1, 3, S, S] → penultimate [1, T, D] */
  async imageEncoder(): Promise<BuiltNetwork> {
    const { config, weights } = await this.#imageEncoder();
    return this.#build(
      'image_encoder',
      fitting(weights, () => clipVisionGraph(weights, config, { outputs: ['penultimate'] })),
      this.#options.dialect,
    );
  }

  /** input_ids int64 [1, 77] → last_hidden_state [1, 77, C]; SDXL: penultimate [1, 77, C₁] */
  async textEncoder(): Promise<BuiltNetwork> {
    const { config, weights } = await this.#textEncoder('text_encoder', this.pack.manifest.text_encoder);
    return this.#build(
      'text_encoder',
      fitting(weights, () => clipTextGraph(weights, config, { outputs: [this.#isXl ? 'penultimate' : 'last_hidden_state'] })),
      this.#options.dialect,
    );
  }

  /** How many token ids a text encoder knows. */
  async vocabularySize(name: 'text_encoder' | 'text_encoder_2'): Promise<number> {
    return (await this.#textEncoder(name, this.pack.manifest[name]!)).config.vocab_size;
  }

  /** SDXL: input_ids int64 [1, 77] → penultimate [1, 77, C₂], text_embeds [1, P] */
  async textEncoder2(): Promise<BuiltNetwork> {
    const { text_encoder_2: source, name } = this.pack.manifest;
    if (!source) throw new PackError(`Pack ${name} has no second text encoder.`, { pack: name });
    const { config, weights } = await this.#textEncoder('text_encoder_2', source);
    return this.#build(
      'text_encoder_2',
      fitting(weights, () => clipTextGraph(weights, config, { outputs: ['penultimate', 'text_embeds'] })),
      this.#options.dialect,
    );
  }

  /** id_embeds [1, F], clip_embeds [1, T, D] → tokens [1, 4, C] */
  async identityProjection(): Promise<BuiltNetwork> {
    const { config, weights } = await this.#identityProjection();
    const patches = await this.#patches();
    return this.#build(
      'identity_projection',
      fitting(weights, () => identityProjectionGraph(weights, config, { patches })),
    );
  }

  /** region_features [1, T, D] → region_tokens [1, 1, C] */
  async visualProjection(): Promise<BuiltNetwork> {
    const { config, weights } = await this.#facialEncoder();
    const patches = await this.#patches();
    return this.#build(
      'visual_projection',
      fitting(weights, () => visualProjectionGraph(weights, config, { regions: 1, patches })),
    );
  }

  /** prompt_embeds [1, 77, C], region_tokens [1, 5, 1, C], class_tokens_mask bool [1, 77], valid_id_mask bool [1, 5] → fused_embeds [1, 77, C] */
  async fuse(): Promise<BuiltNetwork> {
    const { config, weights } = await this.#facialEncoder();
    return this.#build(
      'fuse',
      fitting(weights, () => fuseGraph(weights, config, { tokens: TEXT_TOKENS })),
    );
  }

  // ── stage 3

  /**
   * sample [B, z, h, w], timestep [B], encoder_hidden_states [B, 81, C], ip_scale [1], SDXL: text_embeds [B, P], time_ids [B, 6]
   * → sample_out [B, z, h, w]. Height and width are those of the latents. With the ranges of its convolutions: in 8-bit integers.
   */
  async unet(height: number, width: number, batch = 1, ranges?: ConvRanges): Promise<BuiltNetwork> {
    const graph = await this.#unet(height, width, batch);
    return ranges ? this.#build('unet', int8(graph, ranges)) : this.#build('unet', graph, this.#options.dialect);
  }

  /** The same in float32 for one row, with an output `ranges` for the convolutions of `keys`: see `observeConvolutions`. */
  async observedUnet(height: number, width: number): Promise<BuiltNetwork & { readonly keys: readonly string[] }> {
    const { graph, keys } = observeConvolutions(await this.#unet(height, width, 1));
    return { ...this.#build('unet', graph), keys };
  }

  async #unet(height: number, width: number, batch: number): Promise<Graph> {
    const { config, weights } = await this.#once('unet', async () => {
      const opened = await openNetwork(this.pack, this.pack.manifest.unet);
      return { weights: opened.weights, config: unetConfig(opened.config) };
    });
    const { channels } = await this.latents();
    if (config.in_channels !== channels || config.out_channels !== channels) {
      const message = `"in_channels" is ${config.in_channels} and "out_channels" ${config.out_channels}, the autoencoder has ${channels}`;
      throw new ModelError('model_config_invalid', `UNet configuration: ${message}.`);
    }
    const adapter = await this.#adapter();
    const tokens = TEXT_TOKENS + adapter.config.tokens;
    return fitting(weights, () => unetGraph(weights, config, { batch, height, width, tokens, adapter }));
  }

  /** latents [1, z, h, w], as the autoencoder has them → sample [1, 3, f·h, f·w] */
  async decoder(height: number, width: number): Promise<BuiltNetwork> {
    const { config, weights } = await this.#vae();
    return this.#build(
      'vae_decoder',
      fitting(weights, () => vaeDecoderGraph(weights, config, { height, width })),
    );
  }

  async latents(): Promise<LatentSpace> {
    const { config } = await this.#vae();
    return { factor: autoencoderOf(config).factor, channels: config.latent_channels, ...latentScale(config) };
  }

  /** What each channel of the UNet's latents contributes to a patch's colour in −1…1; null where only the decoder knows. */
  async latentColours(): Promise<LatentColours | null> {
    const { config, weights } = await this.#vae();
    return config._class_name === 'AutoencoderPatch' ? scaledColours(patchColours(weights, config), latentScale(config)) : null;
  }

  /** The pack's scheduler_config.json. */
  async schedulerConfig(): Promise<Record<string, unknown>> {
    const { scheduler } = this.pack.manifest;
    return typeof scheduler === 'string' ? readJsonFile(join(this.pack.folder, scheduler)) : scheduler;
  }

  get #isXl(): boolean {
    return this.pack.manifest.pipeline === 'consistentid-sdxl';
  }

  #vae() {
    return this.#once('vae', async (): Promise<{ config: AutoencoderConfig; weights: WeightSource }> => {
      const { config, weights } = await openNetwork(this.pack, this.pack.manifest.vae);
      return { config: autoencoderConfig(config), weights };
    });
  }

  #textEncoder(key: string, source: NetworkSource) {
    return this.#once(key, async (): Promise<{ config: ClipTextConfig; weights: WeightSource }> => {
      const { config, weights } = await openNetwork(this.pack, source);
      return { config: clipTextConfig(config), weights };
    });
  }

  #imageEncoder() {
    return this.#once('image_encoder', async (): Promise<{ config: ClipVisionConfig; weights: WeightSource }> => {
      const { config, weights } = await openNetwork(this.pack, this.pack.manifest.image_encoder);
      return { config: clipVisionConfig(config), weights };
    });
  }

  /** Tokens of the image encoder: the patches and the class token. */
  async #patches(): Promise<number> {
    const { config } = await this.#imageEncoder();
    return Math.floor(config.image_size / config.patch_size) ** 2 + 1;
  }

  /** The checkpoint of ConsistentID, whose parts are told apart by their prefix. */
  #checkpoint(): Promise<WeightSource> {
    return this.#once('consistentid', async () => consistentIdWeights(openWeights(this.pack, this.pack.manifest.consistentid)));
  }

  #facialEncoder() {
    return this.#once('facial_encoder', async (): Promise<{ config: FacialEncoderConfig; weights: WeightSource }> => {
      const { consistentid } = this.pack.manifest;
      const weights = withoutPrefix(await this.#checkpoint(), 'FacialEncoder.');
      if ('file' in consistentid) return { weights, config: facialEncoderConfigOf(weights) };
      const width = await this.#contextWidth();
      const { config: clip } = await this.#imageEncoder();
      const own = consistentid.config['facial_encoder'] as Record<string, unknown> | undefined;
      return { weights, config: facialEncoderConfig({ embedding_dim: clip.hidden_size, output_dim: width, embed_dim: width, ...own }) };
    });
  }

  #identityProjection() {
    return this.#once('identity_projection', async (): Promise<{ config: IdentityProjectionConfig; weights: WeightSource }> => {
      const { consistentid } = this.pack.manifest;
      const weights = withoutPrefix(await this.#checkpoint(), 'image_proj.');
      if ('file' in consistentid) return { weights, config: identityProjectionConfigOf(weights, { shortcut: this.#isXl }) };
      const { config: clip } = await this.#imageEncoder();
      const own = consistentid.config['identity_projection'] as Record<string, unknown> | undefined;
      return {
        weights,
        config: identityProjectionConfig({
          id_embeddings_dim: this.faces.recognizer().features,
          clip_embeddings_dim: clip.hidden_size,
          cross_attention_dim: await this.#contextWidth(),
          ...own,
        }),
      };
    });
  }

  async #adapter(): Promise<{ config: AdapterConfig; weights: WeightSource }> {
    const { consistentid } = this.pack.manifest;
    const weights = withoutPrefix(await this.#checkpoint(), 'adapter_modules.');
    const { config } = await this.#identityProjection();
    if ('file' in consistentid) return { weights, config: adapterConfigOf(weights, config.num_tokens) };
    return { weights, config: { rank: Number(consistentid.config['rank'] ?? 0), tokens: config.num_tokens, lora_scale: 1 } };
  }

  /** Width of a prompt row: that of the text encoder, or of both side by side. */
  async #contextWidth(): Promise<number> {
    const { text_encoder, text_encoder_2 } = this.pack.manifest;
    const { config: first } = await this.#textEncoder('text_encoder', text_encoder);
    if (!text_encoder_2) return first.hidden_size;
    return first.hidden_size + (await this.#textEncoder('text_encoder_2', text_encoder_2)).config.hidden_size;
  }

  #build(name: string, graph: Graph, dialect: Dialect = 'cpu'): BuiltNetwork {
    const parameters = [...graph.constants.values()].reduce(
      (n, { dims, literal }) => n + (literal ? 0 : dims.reduce((size, d) => size * d, 1)),
      0,
    );
    const { weightsFolder, checkOnly } = this.#options;
    const exported = checkOnly ? unwritten(graph) : exportGraph(graph, { weightsFolder, dialect });
    return { ...exported, name, parameters };
  }

  /** Files are opened once per set and only when a network needs them. A failure is not remembered. */
  #once<T>(key: string, open: () => Promise<T>): Promise<T> {
    let opened = this.#opened.get(key) as Promise<T> | undefined;
    if (!opened) {
      opened = open();
      opened.catch(() => this.#opened.delete(key));
      this.#opened.set(key, opened);
    }
    return opened;
  }
}

/** A configuration whose numbers do not go together shows when the graph is written. */
function fitting(weights: WeightSource, write: () => Graph): Graph {
  try {
    return write();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ModelError('model_config_invalid', `${weights.name}: its configuration makes no network: ${cause.message}`, { cause });
  }
}

const unwritten = ({ sources, inputs, outputs }: Graph): ExportedGraph => ({
  fingerprint: [...sources].join('\n'),
  bytes: new Uint8Array(),
  externalFolder: undefined,
  externalFiles: [],
  inputs,
  outputs,
});
