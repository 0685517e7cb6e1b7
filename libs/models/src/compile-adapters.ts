/** Graphs of what other methods of personalisation put before a UNet: their projections, as in compile.ts. */
import { Graph, Scope, type WeightSource } from '@likeness/graph';
import { clipVisionIgnored, type ClipVisionConfig } from './architectures/clip-vision.ts';
import { fastComposerPostfuse } from './architectures/fastcomposer.ts';
import { instantIdResampler } from './architectures/instantid.ts';
import { ipAdapter, type IpAdapterConfig } from './architectures/ip-adapter.ts';
import { photoMakerIdEncoder } from './architectures/photomaker.ts';
import type { QueryResamplerConfig } from './layers/resampler.ts';

/**
 * As the variant needs them: image_embeds [B, D] (base) or [B, T, D], id_embeds [B, 512] → tokens [B, n, C]. Weights: keys of
 * `image_proj`. `patches` is T.
 */
export function ipAdapterGraph(
  weights: WeightSource,
  config: IpAdapterConfig,
  { batch = 1, patches = 257 }: { batch?: number; patches?: number } = {},
): Graph {
  const graph = new Graph('ip-adapter');
  const s = Scope.root(graph, weights);
  const id = 'id_embeddings_dim' in config ? graph.input('id_embeds', 'float32', [batch, config.id_embeddings_dim]) : undefined;
  const imageDims = imageEmbedsOf(config, batch, patches);
  const image = imageDims && graph.input('image_embeds', 'float32', imageDims);
  graph.output('tokens', ipAdapter(s, { imageEmbeds: image, idEmbeds: id }, config));
  s.assertAllRead();
  return graph;
}

function imageEmbedsOf(config: IpAdapterConfig, batch: number, patches: number): number[] | undefined {
  if (config.variant === 'faceid') return undefined;
  if (config.variant === 'base') return [batch, config.clip_embeddings_dim];
  return [batch, patches, config.variant === 'plus' ? config.embedding_dim : config.clip_embeddings_dim];
}

/** id_pixel_values [B, N, 3, S, S], prompt_embeds [B, n, C], class_tokens_mask bool [B, n] → fused_embeds [B, n, C]. Weights: keys of `id_encoder`. */
export function photoMakerGraph(
  weights: WeightSource,
  config: ClipVisionConfig,
  { batch = 1, pictures, tokens = 77, width }: { batch?: number; pictures: number; tokens?: number; width: number },
): Graph {
  const graph = new Graph('photomaker-id-encoder');
  const s = Scope.root(graph, weights);
  const size = config.image_size;
  const pixels = graph.input('id_pixel_values', 'float32', [batch, pictures, config.num_channels, size, size]);
  const prompt = graph.input('prompt_embeds', 'float32', [batch, tokens, width]);
  const marked = graph.input('class_tokens_mask', 'bool', [batch, tokens]);
  graph.output('fused_embeds', photoMakerIdEncoder(s, pixels, prompt, marked, config));
  s.assertAllRead(clipVisionIgnored);
  return graph;
}

/** face_embeds [B, T, 512], T = 1 → tokens [B, n, C]. Weights: keys of `image_proj`. */
export function instantIdGraph(
  weights: WeightSource,
  config: QueryResamplerConfig,
  { batch = 1, faces = 1 }: { batch?: number; faces?: number } = {},
): Graph {
  const graph = new Graph('instantid-resampler');
  const s = Scope.root(graph, weights);
  graph.output('tokens', instantIdResampler(s, graph.input('face_embeds', 'float32', [batch, faces, config.embedding_dim]), config));
  s.assertAllRead();
  return graph;
}

/** text_embeds [B, n, C], object_embeds [B, N, 1, C], image_token_mask bool [B, n], num_objects int64 [B] → fused_embeds [B, n, C]. Weights: keys of `postfuse_module`. */
export function fastComposerGraph(
  weights: WeightSource,
  { embed_dim: width }: { readonly embed_dim: number },
  { batch = 1, tokens = 77, objects }: { batch?: number; tokens?: number; objects: number },
): Graph {
  const graph = new Graph('fastcomposer-postfuse');
  const s = Scope.root(graph, weights);
  const text = graph.input('text_embeds', 'float32', [batch, tokens, width]);
  const embeds = graph.input('object_embeds', 'float32', [batch, objects, 1, width]);
  const marked = graph.input('image_token_mask', 'bool', [batch, tokens]);
  graph.output('fused_embeds', fastComposerPostfuse(s, text, embeds, marked, graph.input('num_objects', 'int64', [batch])));
  s.assertAllRead();
  return graph;
}
