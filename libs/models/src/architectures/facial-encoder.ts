/**
 * Fine-grained identity: facial regions → tokens that take the place of marked words. JackAILab/ConsistentID e234008,
 * attention.FacialEncoder. 105,772,288 parameters for SD1.5.
 */
import type { Scope, Tensor } from '@likeness/graph';
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

/** One token per region, each on its own: features [N, T, D] → [N, 1, C]. Independent of the prompt. */
export function visualProjection(s: Scope, features: Tensor, config: FacialEncoderConfig): Tensor {
  return queryResampler(s, features, { ...config, num_queries: 1 }); // [N, 1, C]
}
