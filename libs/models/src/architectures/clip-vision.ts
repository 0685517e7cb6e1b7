/** CLIP's image tower: huggingface/transformers v4.31, modeling_clip.CLIPVisionModelWithProjection. */
import { op, type Scope, type Tensor } from '@likeness/graph';
import { layerNorm, linear } from '../layers/basic.ts';
import { clipEncoder, type ClipEncoderConfig } from '../layers/clip-encoder.ts';

export interface ClipVisionConfig extends ClipEncoderConfig {
  readonly image_size: number;
  readonly patch_size: number;
  readonly num_channels: number;
  readonly projection_dim: number;
}

/** A buffer older files carry, and the text tower of files that hold both. */
export const clipVisionIgnored = [
  /^vision_model\.embeddings\.position_ids$/,
  /^text_model\./,
  /^text_projection\.weight$/,
  /^logit_scale$/,
];

/**
 * pixels [B, 3, S, S], normalised → penultimate [B, 1 + (S/patch)², C], the input of the last layer, class token first, and
 * image_embeds [B, P], not of unit length.
 */
export function clipVision(s: Scope, pixels: Tensor, config: ClipVisionConfig): Record<'penultimate' | 'image_embeds', Tensor> {
  const { penultimate, pooled } = clipVisionTower(s.at('vision_model'), pixels, config);
  return { penultimate, image_embeds: linear(s.at('visual_projection'), pooled, config.projection_dim, { bias: false }) }; // [B, P]
}

/** The same before the projection: penultimate, and the class token after the last layer, normalised: pooled [B, C]. */
export function clipVisionTower(s: Scope, pixels: Tensor, config: ClipVisionConfig): Record<'penultimate' | 'pooled', Tensor> {
  const { hidden_size: width, patch_size: patch, layer_norm_eps: epsilon } = config;
  const batch = pixels.dims[0]!;
  const embeddings = s.at('embeddings');
  const kernel = embeddings.weight('patch_embedding.weight', [width, config.num_channels, patch, patch]);
  const grid = op.conv2d(pixels, kernel, undefined, { stride: patch }); // [B, C, S/patch, S/patch]
  const patches = op.transpose(op.reshape(grid, [batch, width, -1]), [0, 2, 1]); // [B, (S/patch)², C]
  const classToken = op.expand(op.reshape(embeddings.weight('class_embedding', [width]), [1, 1, width]), [batch, 1, width]);
  const tokens = op.concat([classToken, patches], 1); // [B, 1 + (S/patch)², C]
  const positions = embeddings.weight('position_embedding.weight', [tokens.dims[1]!, width]);
  const x = layerNorm(s.at('pre_layrnorm'), op.add(tokens, positions), epsilon); // spelt so in the checkpoints
  const states = clipEncoder(s.at('encoder'), x, config, { causal: false });

  const first = op.reshape(op.slice(states.at(-1)!, 1, 0, 1), [batch, width]); // [B, C]
  return { penultimate: states.at(-2)!, pooled: layerNorm(s.at('post_layernorm'), first, epsilon) };
}
