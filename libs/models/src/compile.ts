/**
 * From weights and configuration to graphs with named inputs and outputs. Shapes are static: one graph per batch and size.
 * `exportGraph` of @likeness/graph turns a graph into ONNX.
 */
import { Graph, Scope, type Tensor, type WeightSource } from '@likeness/graph';
import { bisenet, bisenetIgnored, type BiSeNetConfig } from './architectures/bisenet.ts';
import { clipText, clipTextIgnored, type ClipTextConfig } from './architectures/clip-text.ts';
import { clipVision, clipVisionIgnored, type ClipVisionConfig } from './architectures/clip-vision.ts';
import { facialEncoder, visualProjection, type FacialEncoderConfig } from './architectures/facial-encoder.ts';
import { identityProjection, type IdentityProjectionConfig } from './architectures/identity-projection.ts';
import { iresnet, iresnetIgnored, type IResNetConfig } from './architectures/iresnet.ts';
import { scrfd, scrfdIgnored, type ScrfdConfig } from './architectures/scrfd.ts';
import { unet, type AdapterConfig, type UNetConfig } from './architectures/unet.ts';
import { autoencoderOf, type AutoencoderConfig } from './autoencoders.ts';
import { fuse } from './layers/fuse.ts';

/** Adds the wanted outputs, all unless `outputs` names some; what only the others need is left out of the graph. */
function finish(graph: Graph, computed: Readonly<Record<string, Tensor>>, outputs: readonly string[] = Object.keys(computed)): Graph {
  for (const name of outputs) {
    const value = computed[name];
    if (!value) throw new RangeError(`${graph.name} has no output "${name}", but ${Object.keys(computed).join(', ')}.`);
    graph.output(name, value);
  }
  return graph;
}

/** input_ids int64 [B, n] → last_hidden_state, penultimate [B, n, C], pooled [B, C] or text_embeds [B, P]. */
export function clipTextGraph(
  weights: WeightSource,
  config: ClipTextConfig,
  { batch = 1, tokens = 77, outputs }: { batch?: number; tokens?: number; outputs?: readonly string[] } = {},
): Graph {
  const graph = new Graph('clip-text');
  const s = Scope.root(graph, weights);
  const computed = clipText(s, graph.input('input_ids', 'int64', [batch, tokens]), config);
  s.assertAllRead(clipTextIgnored);
  return finish(graph, computed, outputs);
}

/** pixel_values [B, 3, S, S] → penultimate [B, T, C], image_embeds [B, P]. */
export function clipVisionGraph(
  weights: WeightSource,
  config: ClipVisionConfig,
  { batch = 1, outputs }: { batch?: number; outputs?: readonly string[] } = {},
): Graph {
  const graph = new Graph('clip-vision');
  const s = Scope.root(graph, weights);
  const size = config.image_size;
  const computed = clipVision(s, graph.input('pixel_values', 'float32', [batch, config.num_channels, size, size]), config);
  s.assertAllRead(clipVisionIgnored);
  return finish(graph, computed, outputs);
}

/** latents [B, z, h, w] → sample [B, 3, h·f, w·f]. `height` and `width` are those of the latents. */
export function vaeDecoderGraph(
  weights: WeightSource,
  config: AutoencoderConfig,
  { batch = 1, height, width }: { batch?: number; height: number; width: number },
): Graph {
  const autoencoder = autoencoderOf(config);
  const graph = new Graph('vae-decoder');
  const s = Scope.root(graph, autoencoder.weights(weights));
  const sample = autoencoder.decode(s, graph.input('latents', 'float32', [batch, config.latent_channels, height, width]));
  s.assertAllRead(autoencoder.ignored.decode);
  return finish(graph, { sample });
}

/** pixels [B, 3, H, W] → mean, of AutoencoderKL also logvar [B, z, ⌊H/f⌋, ⌊W/f⌋]: a rest of pixels at the right and the bottom has no latent of its own. */
export function vaeEncoderGraph(
  weights: WeightSource,
  config: AutoencoderConfig,
  { batch = 1, height, width }: { batch?: number; height: number; width: number },
): Graph {
  const autoencoder = autoencoderOf(config);
  const { factor } = autoencoder;
  if (Math.min(height, width) < factor)
    throw new RangeError(`A picture of ${width} × ${height} is smaller than a latent, ${factor} × ${factor}.`);
  const graph = new Graph('vae-encoder');
  const s = Scope.root(graph, autoencoder.weights(weights));
  const computed = autoencoder.encode(s, graph.input('pixels', 'float32', [batch, config.in_channels, height, width]));
  s.assertAllRead(autoencoder.ignored.encode);
  return finish(graph, computed);
}

export interface UNetGraphOptions {
  readonly batch?: number;
  /** Of the latents. */
  readonly height: number;
  readonly width: number;
  /** Text tokens and image tokens together. */
  readonly tokens: number;
  /** Keys `{i}.to_q_lora.down.weight`, …: the adapter_modules of a checkpoint. */
  readonly adapter?: { readonly weights: WeightSource; readonly config: AdapterConfig } | undefined;
  /** Also the states between the blocks, as `intermediate.…`. */
  readonly intermediates?: boolean;
}

/**
 * sample [B, 4, h, w], timestep float32 [B], encoder_hidden_states [B, tokens, C], with an adapter ip_scale [1], for SDXL
 * text_embeds [B, P] and time_ids [B, 6] → sample_out [B, 4, h, w].
 */
export function unetGraph(
  weights: WeightSource,
  config: UNetConfig,
  { batch = 1, height, width, tokens, adapter, intermediates = false }: UNetGraphOptions,
): Graph {
  const graph = new Graph('unet');
  const s = Scope.root(graph, weights);
  const inputs = {
    sample: graph.input('sample', 'float32', [batch, config.in_channels, height, width]),
    timestep: graph.input('timestep', 'float32', [batch]),
    encoderHiddenStates: graph.input('encoder_hidden_states', 'float32', [batch, tokens, config.cross_attention_dim]),
    ...additionInputs(graph, config, batch),
  };
  const added = adapter && {
    scope: Scope.root(graph, adapter.weights),
    config: adapter.config,
    scale: graph.input('ip_scale', 'float32', [1]),
  };
  const { sample, intermediates: states } = unet(s, inputs, config, added);
  s.assertAllRead();
  added?.scope.assertAllRead();
  const noted = intermediates ? Object.fromEntries(Object.entries(states).map(([name, value]) => [`intermediate.${name}`, value])) : {};
  return finish(graph, { sample_out: sample, ...noted });
}

/** SDXL embeds six sizes beside the pooled text. */
function additionInputs(graph: Graph, config: UNetConfig, batch: number): { textEmbeds?: Tensor; timeIds?: Tensor } {
  if (config.addition_embed_type !== 'text_time') return {};
  const ids = 6;
  const pooled = config.projection_class_embeddings_input_dim! - ids * config.addition_time_embed_dim!;
  return { textEmbeds: graph.input('text_embeds', 'float32', [batch, pooled]), timeIds: graph.input('time_ids', 'float32', [batch, ids]) };
}

/** region_features [N, T, D] → region_tokens [N, 1, C]. Weights: keys of the FacialEncoder. */
export function visualProjectionGraph(
  weights: WeightSource,
  config: FacialEncoderConfig,
  { regions, patches }: { regions: number; patches: number },
): Graph {
  const graph = new Graph('visual-projection');
  const s = Scope.root(graph, weights, 'visual_projection');
  const tokens = visualProjection(s, graph.input('region_features', 'float32', [regions, patches, config.embedding_dim]), config);
  s.assertAllRead();
  return finish(graph, { region_tokens: tokens });
}

/** prompt_embeds [B, n, C], region_tokens [B, R, 1, C], class_tokens_mask bool [B, n], valid_id_mask bool [B, R] → fused_embeds [B, n, C]. */
export function fuseGraph(weights: WeightSource, config: FacialEncoderConfig, { batch = 1, tokens = 77, regions = 5 } = {}): Graph {
  const graph = new Graph('fuse');
  const s = Scope.root(graph, weights, 'fuse_module');
  const text = graph.input('prompt_embeds', 'float32', [batch, tokens, config.embed_dim]);
  const regionTokens = graph.input('region_tokens', 'float32', [batch, regions, 1, config.output_dim]);
  const fused = fuse(
    s,
    text,
    regionTokens,
    graph.input('class_tokens_mask', 'bool', [batch, tokens]),
    graph.input('valid_id_mask', 'bool', [batch, regions]),
  );
  s.assertAllRead();
  return finish(graph, { fused_embeds: fused });
}

/** The two steps above as one graph: also multi_image_embeds [B, R, T, D] in, region_tokens [B, R, 1, C] out. */
export function facialEncoderGraph(
  weights: WeightSource,
  config: FacialEncoderConfig,
  { batch = 1, tokens = 77, regions = 5, patches }: { batch?: number; tokens?: number; regions?: number; patches: number },
): Graph {
  const graph = new Graph('facial-encoder');
  const s = Scope.root(graph, weights);
  const text = graph.input('prompt_embeds', 'float32', [batch, tokens, config.embed_dim]);
  const features = graph.input('multi_image_embeds', 'float32', [batch, regions, patches, config.embedding_dim]);
  const marked = graph.input('class_tokens_mask', 'bool', [batch, tokens]);
  const valid = graph.input('valid_id_mask', 'bool', [batch, regions]);
  const { fused, regionTokens } = facialEncoder(s, { text, features, marked, valid }, config);
  s.assertAllRead();
  return finish(graph, { fused_embeds: fused, region_tokens: regionTokens });
}

/** id_embeds [B, F], clip_embeds [B, T, D] → tokens [B, n, C]. */
export function identityProjectionGraph(
  weights: WeightSource,
  config: IdentityProjectionConfig,
  { batch = 1, patches }: { batch?: number; patches: number },
): Graph {
  const graph = new Graph('identity-projection');
  const s = Scope.root(graph, weights);
  const face = graph.input('id_embeds', 'float32', [batch, config.id_embeddings_dim]);
  const tokens = identityProjection(s, face, graph.input('clip_embeds', 'float32', [batch, patches, config.clip_embeddings_dim]), config);
  s.assertAllRead();
  return finish(graph, { tokens });
}

/** image [B, 3, H, W] → logits [B, classes, H, W], labels uint8 [B, H, W]. */
export function faceParsingGraph(
  weights: WeightSource,
  config: BiSeNetConfig,
  { batch = 1, height = 512, width = 512, outputs }: { batch?: number; height?: number; width?: number; outputs?: readonly string[] } = {},
): Graph {
  const graph = new Graph('face-parsing');
  const s = Scope.root(graph, weights);
  const computed = bisenet(s, graph.input('image', 'float32', [batch, 3, height, width]), config);
  s.assertAllRead(bisenetIgnored);
  return finish(graph, computed, outputs);
}

/** image [B, 3, 112, 112] → embedding [B, D]. */
export function faceRecognitionGraph(weights: WeightSource, config: IResNetConfig, { batch = 1 } = {}): Graph {
  const graph = new Graph('face-recognition');
  const s = Scope.root(graph, weights);
  const embedding = iresnet(s, graph.input('image', 'float32', [batch, 3, 112, 112]), config);
  s.assertAllRead(iresnetIgnored);
  return finish(graph, { embedding });
}

/** image [B, 3, S, S] in −1 … 1, S a multiple of 32 → the nine outputs of the detector, scores first, the rows of a batch one after another. */
export function faceDetectionGraph(weights: WeightSource, config: ScrfdConfig, { batch = 1, size = 640 } = {}): Graph {
  if (size % 32 !== 0) throw new RangeError(`The detector's input must be a multiple of 32, got ${size}.`);
  const graph = new Graph('face-detection');
  const s = Scope.root(graph, weights);
  const computed = scrfd(s, graph.input('image', 'float32', [batch, 3, size, size]), config);
  s.assertAllRead(scrfdIgnored);
  return finish(graph, computed);
}
