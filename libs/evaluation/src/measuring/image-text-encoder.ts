/**
 * The two towers of CLIP in a pack: pictures and texts as vectors that can be compared. The picture's tower is the pack's image encoder;
 * the text's lies beside it in the same checkpoint, as CLIP is published, or is the pack's own text encoder where that has a projection of
 * the same width, as in a pack that was trained whole.
 */
import { float32, int64, type Session } from '@likeness/inference';
import {
  clipTextConfig,
  clipTextGraph,
  clipVisionConfig,
  clipVisionGraph,
  openNetwork,
  renamed,
  type ClipTextConfig,
  type ConsistentIdPack,
  type OpenNetwork,
  type WeightSource,
} from '@likeness/models';
import { clipImageConfigOf, clipPixels, outputOf, type ClipImageConfig, type ClipTokenizer, type Picture } from '@likeness/pipeline';
import { EvaluationError } from '../errors.ts';
import { loadNetwork, type LoadOptions } from './network.ts';

export interface SeenPicture {
  /** image_embeds [P], not of unit length. */
  readonly embedding: Float32Array;
  /** What the patches look like before the last layer, on average: [C]. ConsistentID reads its pictures there. */
  readonly texture: Float32Array;
}

export class ImageEncoder {
  readonly #session: Session;
  readonly #config: ClipImageConfig;

  constructor(session: Session, size: number) {
    this.#session = session;
    this.#config = clipImageConfigOf(size);
  }

  async see(picture: Picture): Promise<SeenPicture> {
    const { data, height, width } = clipPixels(picture, this.#config);
    const results = await this.#session.run({ pixel_values: float32([1, 3, height, width], data) });
    const { dims, data: states } = outputOf(results, 'penultimate'); // [1, 1 + patches, C], the class token first
    const [, tokens, size] = dims as [number, number, number];
    const texture = new Float32Array(size);
    for (let i = size; i < states.length; i++) texture[i % size]! += states[i]! / (tokens - 1);
    return { embedding: outputOf(results, 'image_embeds').data, texture };
  }

  release = () => this.#session.release();
}

export class TextEncoder {
  readonly #session: Session;
  readonly #tokenizer: ClipTokenizer;
  readonly #known = new Map<string, Float32Array>();

  constructor(session: Session, tokenizer: ClipTokenizer) {
    this.#session = session;
    this.#tokenizer = tokenizer;
  }

  /** text_embeds [P], not of unit length. */
  async embed(text: string): Promise<Float32Array> {
    let embedding = this.#known.get(text);
    if (!embedding) {
      const ids = this.#tokenizer.encodePadded(text);
      embedding = outputOf(await this.#session.run({ input_ids: int64([1, ids.length], ids) }), 'text_embeds').data;
      this.#known.set(text, embedding);
    }
    return embedding;
  }

  release = () => this.#session.release();
}

export async function openImageEncoder(pack: ConsistentIdPack, options: LoadOptions): Promise<ImageEncoder> {
  const { config: json, weights } = await openNetwork(pack, pack.manifest.image_encoder);
  const config = clipVisionConfig(json);
  const graph = clipVisionGraph(weights, config, { outputs: ['penultimate', 'image_embeds'] });
  return new ImageEncoder(await loadNetwork(graph, options), config.image_size);
}

/** @throws EvaluationError `measure_unavailable` when the pack has no text tower that belongs to its image encoder */
export async function openTextEncoder(pack: ConsistentIdPack, tokenizer: ClipTokenizer, options: LoadOptions): Promise<TextEncoder> {
  const { name, image_encoder, text_encoder } = pack.manifest;
  const image = await openNetwork(pack, image_encoder);
  const { projection_dim: width } = clipVisionConfig(image.config);
  const towers = [besideImage(image), projected(await openNetwork(pack, text_encoder))];
  const text = towers.find((tower) => tower?.config.projection_dim === width);
  if (!text) {
    const found = towers.map((tower) => tower?.config.projection_dim ?? 'none').join(', ');
    throw new EvaluationError(
      'measure_unavailable',
      `The pack ${name} has no image-text encoder: its image encoder projects to ${width}, its text towers to ${found}.`,
      { pack: name, network: 'image-text encoder' },
    );
  }
  const graph = clipTextGraph(text.weights, text.config, { outputs: ['text_embeds'] });
  return new TextEncoder(await loadNetwork(graph, options), tokenizer);
}

interface TextTower {
  readonly config: ClipTextConfig;
  readonly weights: WeightSource;
}

const PROJECTION = 'text_projection.weight';
const withProjection = (json: object): ClipTextConfig => clipTextConfig({ ...json, architectures: ['CLIPTextModelWithProjection'] });

/** The text's half of a checkpoint with both towers, whose configuration has a part for each. */
function besideImage({ config, weights }: OpenNetwork): TextTower | undefined {
  const { text_config: own, projection_dim } = config;
  if (typeof own !== 'object' || !weights.keys?.includes(PROJECTION)) return undefined;
  const isText = (key: string) => key.startsWith('text_model.') || key === PROJECTION;
  return {
    config: withProjection({ ...own, projection_dim }),
    weights: renamed(weights, weights.keys.filter(isText), (key) => key),
  };
}

/** The pack's own text encoder. Weights that are drawn have any key that is asked for, so there the configuration decides. */
function projected({ config, weights }: OpenNetwork): TextTower | undefined {
  const named = config['architectures'] as readonly string[] | undefined;
  const has = weights.keys ? weights.keys.includes(PROJECTION) : named?.includes('CLIPTextModelWithProjection');
  return has ? { config: withProjection(config), weights } : undefined;
}
