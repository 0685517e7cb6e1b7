/**
 * Fine-grained identity: facial regions → tokens that take the place of marked words. JackAILab/ConsistentID e234008,
 * attention.FacialEncoder. 105,772,288 parameters for SD1.5.
 */
import { op, type Scope, type Tensor } from '@likeness/graph';
import { fuse } from '../layers/fuse.ts';
import { queryResampler, type ResamplerConfig } from '../layers/resampler.ts';

export interface FacialEncoderConfig extends ResamplerConfig {
  /** Width of the image features. */
  readonly embedding_dim: number;
  /** Width inside the resampler. */
  readonly dim: number;
  /** Width of the region tokens. */
  readonly output_dim: number;
  /** Width of the text. */
  readonly embed_dim: number;
}

/**
 * text [B, n, C], features of the regions [B, R, T, D], marked bool [B, n], valid bool [B, R] → the text with its marked tokens replaced
 * [B, n, C], and the tokens of the regions [B, R, 1, C].
 */
export function facialEncoder(
  s: Scope,
  { text, features, marked, valid }: Readonly<Record<'text' | 'features' | 'marked' | 'valid', Tensor>>,
  config: FacialEncoderConfig,
): { fused: Tensor; regionTokens: Tensor } {
  const [batch, regions, patches, width] = features.dims as [number, number, number, number];
  const each = visualProjection(s.at('visual_projection'), op.reshape(features, [batch * regions, patches, width]), config);
  const regionTokens = op.reshape(each, [batch, regions, 1, config.output_dim]);
  return { fused: fuse(s.at('fuse_module'), text, regionTokens, marked, valid), regionTokens };
}

/** One token per region, each on its own: features [N, T, D] → [N, 1, C]. Independent of the prompt. */
export function visualProjection(s: Scope, features: Tensor, config: FacialEncoderConfig): Tensor {
  return queryResampler(s, features, { ...config, num_queries: 1 }); // [N, 1, C]
}
