/**
 * Fine-grained identity: facial regions → tokens that take the place of marked words. JackAILab/ConsistentID e234008,
 * attention.FacialEncoder. 105,772,288 parameters for SD1.5.
 */
import { op, type Scope, type Tensor } from '@likeness/graph';
import { layerNorm, linear } from '../layers/basic.ts';
import { resampler, type ResamplerConfig } from '../layers/resampler.ts';

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
  const latent = s.weight('latents', [1, 1, config.dim]);
  return resampler(s, features, op.expand(latent, [features.dims[0]!, 1, config.dim]), config.output_dim, config); // [N, 1, C]
}

/**
 * Mixes the j-th valid region of the batch into the j-th marked token of the batch; other tokens stay as they are.
 * text [B, n, C], regions [B, R, 1, C], marked bool [B, n], valid bool [B, R] → [B, n, C]. Regions beyond the marks are ignored;
 * the caller sees to it that every mark has a region.
 */
export function fuse(s: Scope, text: Tensor, regions: Tensor, marked: Tensor, valid: Tensor, config: FacialEncoderConfig): Tensor {
  const width = config.embed_dim;
  const tokens = op.reshape(text, [-1, width]); // [B·n, C]
  const pairs = op.and(op.equal(rank(marked, [-1, 1]), rank(valid, [1, -1])), op.and(flat(marked, [-1, 1]), flat(valid, [1, -1])));
  const chosen = op.matmul(op.cast(pairs, 'float32'), op.reshape(regions, [-1, width])); // [B·n, C], each row one region or zero

  // Every token is computed and the unmarked ones dropped: shapes stay static, and 77 rows cost nothing.
  let y = op.add(mlp(s.at('mlp1'), op.concat([tokens, chosen], 1), width), tokens);
  y = op.add(mlp(s.at('mlp2'), y, width), y);
  y = layerNorm(s.at('layer_norm'), y);
  const paired = op.where(flat(marked, [-1, 1]), y, tokens);
  return op.reshape(paired, text.dims); // [B, n, C]
}

function mlp(s: Scope, x: Tensor, width: number): Tensor {
  return linear(s.at('fc2'), op.gelu(linear(s.at('fc1'), layerNorm(s.at('layernorm'), x), width)), width);
}

const flat = (mask: Tensor, dims: readonly number[]): Tensor => op.reshape(mask, dims);

/** How many are set up to each place, in flattened order. */
const rank = (mask: Tensor, dims: readonly number[]): Tensor =>
  op.reshape(op.cumulativeSum(op.cast(op.reshape(mask, [-1]), 'int32'), 0), dims);
