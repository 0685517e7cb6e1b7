/**
 * Face embedding and whole-image features → identity tokens: JackAILab/ConsistentID e234008, functions.ProjPlusModel (the same
 * class as tencent-ailab/IP-Adapter's FaceID-Plus). 33,581,568 parameters for SD1.5.
 */
import { op, type Scope, type Tensor } from '@likeness/graph';
import { layerNorm, linear } from '../layers/basic.ts';
import { resampler } from '../layers/resampler.ts';

export interface IdentityProjectionConfig {
  /** Width of the tokens: the UNet's cross_attention_dim. */
  readonly cross_attention_dim: number;
  readonly id_embeddings_dim: number;
  readonly clip_embeddings_dim: number;
  readonly num_tokens: number;
  readonly depth: number;
  readonly dim_head: number;
  readonly ff_mult: number;
  /** tokens = projected face + scale · resampled, instead of the resampled alone. */
  readonly shortcut: boolean;
  readonly scale: number;
}

/** idEmbeds [B, 512], clipEmbeds [B, T, D] → [B, tokens, C] */
export function identityProjection(s: Scope, idEmbeds: Tensor, clipEmbeds: Tensor, config: IdentityProjectionConfig): Tensor {
  const { cross_attention_dim: width, depth, dim_head, ff_mult } = config;
  const heads = Math.floor(width / dim_head);
  const x = faceProjection(s, idEmbeds, config); // [B, tokens, C]
  const resampled = resampler(s.at('perceiver_resampler'), clipEmbeds, x, width, { depth, dim_head, heads, ff_mult });
  return config.shortcut ? op.add(x, op.mul(resampled, config.scale)) : resampled; // [B, tokens, C]
}

/** The face alone, by two layers: [B, 512] → [B, tokens, C] */
export function faceProjection(
  s: Scope,
  idEmbeds: Tensor,
  { cross_attention_dim: width, num_tokens: tokens }: Pick<IdentityProjectionConfig, 'cross_attention_dim' | 'num_tokens'>,
): Tensor {
  const h = linear(s.at('proj', 0), idEmbeds, idEmbeds.dims[1]! * 2); // [B, 1024]
  const x = linear(s.at('proj', 2), op.gelu(h), width * tokens); // [B, tokens·C]
  return layerNorm(s.at('norm'), op.reshape(x, [-1, tokens, width]));
}
