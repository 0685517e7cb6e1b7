/**
 * The tensors of a complete model set in the layout of Stable Diffusion 1.5, a few thousandths of its size, from the hash rule. Every value
 * is one that float32, float16 and bfloat16 all have, so that files of any precision hold the same model.
 */
import { exportGraph, hashWeights, op, Graph, type Tensor, type WeightSource } from '@likeness/graph';
import {
  autoencoderConfig,
  bisenetConfig,
  clipTextConfig,
  clipTextGraph,
  clipVisionConfig,
  clipVisionGraph,
  faceParsingGraph,
  facialEncoderConfig,
  fuseGraph,
  identityProjectionConfig,
  identityProjectionGraph,
  unetConfig,
  unetGraph,
  vaeDecoderGraph,
  vaeEncoderGraph,
  visualProjectionGraph,
} from '@likeness/models';

export interface StoredArray {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}
export type Tensors = ReadonlyMap<string, StoredArray>;

const text = {
  architectures: ['CLIPTextModel'],
  hidden_act: 'quick_gelu',
  hidden_size: 64,
  intermediate_size: 128,
  num_attention_heads: 1,
  num_hidden_layers: 2,
  max_position_embeddings: 77,
  vocab_size: 49408,
  eos_token_id: 2,
};
const unet = {
  _class_name: 'UNet2DConditionModel',
  block_out_channels: [32, 64],
  down_block_types: ['CrossAttnDownBlock2D', 'DownBlock2D'],
  up_block_types: ['UpBlock2D', 'CrossAttnUpBlock2D'],
  layers_per_block: 1,
  attention_head_dim: 8,
  cross_attention_dim: 64,
};
const vae = {
  _class_name: 'AutoencoderKL',
  block_out_channels: [32, 32, 32, 32],
  down_block_types: Array<string>(4).fill('DownEncoderBlock2D'),
  up_block_types: Array<string>(4).fill('UpDecoderBlock2D'),
  layers_per_block: 1,
};
const imageEncoder = {
  hidden_act: 'gelu',
  hidden_size: 64,
  intermediate_size: 128,
  num_attention_heads: 4,
  num_hidden_layers: 3,
  patch_size: 32,
};

/** The configuration files, by the folder they lie in. */
export const tinyConfigs = { unet, vae, text_encoder: text, image_encoder: imageEncoder };

export interface TinyWeights {
  readonly unet: Tensors;
  readonly vae: Tensors;
  readonly text_encoder: Tensors;
  readonly image_encoder: Tensors;
  /** FacialEncoder, image_proj and adapter_modules, by their prefixes. */
  readonly consistentid: Tensors;
  readonly parser: Tensors;
}

export function tinyWeights(): TinyWeights {
  const patches = 50; // (224 / 32)² and the class token
  const facial = facialEncoderConfig({ embedding_dim: 64, output_dim: 64, embed_dim: 64, dim: 64, depth: 2, heads: 1 });
  const projection = identityProjectionConfig({ cross_attention_dim: 64, clip_embeddings_dim: 64 });
  const adapter = { rank: 4, tokens: 4, lora_scale: 1 };
  const adapters = new Recorder(5);
  const size = { height: 8, width: 8 };
  return {
    unet: recorded(32, 8, (w) =>
      unetGraph(w, unetConfig(unet), { ...size, tokens: 81, adapter: { weights: adapters.source, config: adapter } }),
    ),
    vae: recorded(
      63,
      0.8,
      (w) => vaeDecoderGraph(w, autoencoderConfig(vae), size),
      (w) => vaeEncoderGraph(w, autoencoderConfig(vae), { height: 64, width: 64 }),
    ),
    text_encoder: recorded(1, 1, (w) => clipTextGraph(w, clipTextConfig(text))),
    image_encoder: recorded(4, 1, (w) => clipVisionGraph(w, clipVisionConfig(imageEncoder))),
    consistentid: new Map([
      ...below(
        'FacialEncoder',
        recorded(
          6,
          1,
          (w) => visualProjectionGraph(w, facial, { regions: 1, patches }),
          (w) => fuseGraph(w, facial),
        ),
      ),
      ...below(
        'image_proj',
        recorded(7, 1, (w) => identityProjectionGraph(w, projection, { patches })),
      ),
      ...below('adapter_modules', adapters.tensors),
    ]),
    parser: recorded(8, 1.6, (w) => faceParsingGraph(w, bisenetConfig({}), { height: 64, width: 64 })),
  };
}

/** Every tensor that graphs read from weights by the hash rule. */
export function recorded(seed: number, gain: number, ...graphs: ((weights: WeightSource) => Graph)[]): Tensors {
  const recorder = new Recorder(seed, gain);
  for (const graph of graphs) exportGraph(graph(recorder.source));
  return recorder.tensors;
}

export class Recorder {
  readonly tensors = new Map<string, StoredArray>();
  readonly source: WeightSource;

  constructor(seed: number, gain = 1) {
    const rule = hashWeights(seed, { gain });
    this.source = {
      ...rule,
      read: (key, shape) => {
        const values = rule.read(key, shape).map(inEveryPrecision);
        this.tensors.set(key, { shape, values });
        return values;
      },
    };
  }
}

export const below = (prefix: string, tensors: Tensors): [string, StoredArray][] =>
  [...tensors].map(([key, tensor]) => [`${prefix}.${key}`, tensor]);

const bits = new Uint32Array(1);
const value = new Float32Array(bits.buffer);

/** The eight significant bits of bfloat16, and nothing below the normal numbers of float16. */
function inEveryPrecision(x: number): number {
  value[0] = x;
  bits[0]! &= 0xffff0000;
  return Math.abs(value[0]) < 2 ** -14 ? 0 : value[0];
}

/** Stands for SCRFD: scores, boxes and landmarks of three strides. Some cell has a face in every portrait, by their bias. */
export function tinyDetector(): Uint8Array {
  const graph = new Graph('detector');
  const image = graph.input('input.1', 'float32', [1, 3, 640, 640]);
  const weights = hashWeights(9);
  const constant = (name: string, dims: readonly number[], scale = 1) =>
    graph.constant({
      name,
      dims,
      dtype: 'float32',
      recipe: name,
      bytes: () => new Uint8Array(weights.read(`${name}.weight`, dims).map((v) => v * scale).buffer),
    });
  const flat = (x: Tensor, width: number) => op.reshape(op.transpose(x, [0, 2, 3, 1]), [-1, width]);
  const outputs: Record<'score' | 'bbox' | 'kps', Tensor[]> = { score: [], bbox: [], kps: [] };
  for (const stride of [8, 16, 32]) {
    const seen = op.conv2d(image, constant(`stem.${stride}`, [4, 3, stride, stride], 0.5), undefined, { stride });
    const head = (name: string, channels: number, scale: number) =>
      op.conv2d(seen, constant(`${name}.${stride}`, [channels, 4, 1, 1], scale), undefined);
    outputs.score.push(op.sigmoid(op.sub(flat(head('score', 2, 2), 1), 1)));
    outputs.bbox.push(op.add(op.mul(flat(head('bbox', 8, 1), 4), 0.1), 3));
    outputs.kps.push(flat(head('kps', 20, 2), 10));
  }
  for (const [name, levels] of Object.entries(outputs)) for (const [i, level] of levels.entries()) graph.output(`${name}_${8 << i}`, level);
  return exportGraph(graph).bytes;
}

/** Stands for ArcFace: an aligned face → an embedding. */
export function tinyRecognizer(): Uint8Array {
  const graph = new Graph('recognizer');
  const image = graph.input('input.1', 'float32', [1, 3, 112, 112]);
  const weights = hashWeights(10);
  const constant = (name: string, dims: readonly number[]) =>
    graph.constant({
      name,
      dims,
      dtype: 'float32',
      recipe: name,
      bytes: () => new Uint8Array(weights.read(`${name}.weight`, dims).buffer),
    });
  const seen = op.conv2d(image, constant('stem', [8, 3, 16, 16]), undefined, { stride: 16 }); // [1, 8, 7, 7]
  graph.output('683', op.matmul(op.reshape(seen, [1, 392]), constant('fc', [392, 512])));
  return exportGraph(graph).bytes;
}
