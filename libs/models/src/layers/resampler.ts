import { op, type Scope, type Tensor } from '@likeness/graph';
import { layerNorm, linear } from './basic.ts';

export interface ResamplerConfig {
  readonly depth: number;
  readonly heads: number;
  readonly dim_head: number;
  readonly ff_mult: number;
}

export interface QueryResamplerConfig extends ResamplerConfig {
  /** Width inside. */
  readonly dim: number;
  /** Width of what is read. */
  readonly embedding_dim: number;
  /** Width of the tokens. */
  readonly output_dim: number;
  readonly num_queries: number;
}

/** A resampler whose latents are learned: x [B, T, embedding_dim] → [B, num_queries, output_dim]. Key: latents [1, num_queries, dim]. */
export function queryResampler(s: Scope, x: Tensor, config: QueryResamplerConfig): Tensor {
  const { num_queries, dim, output_dim } = config;
  const latents = op.expand(s.weight('latents', [1, num_queries, dim]), [x.dims[0]!, num_queries, dim]);
  return resampler(s, x, latents, output_dim, config);
}

/**
 * A Perceiver resampler: a few latents read a long sequence (JackAILab/ConsistentID e234008, functions.FacePerceiverResampler
 * and functions.AttentionMLP; the same block in tencent-ailab/IP-Adapter). x [B, T, in], latents [B, n, dim] → [B, n, out].
 */
export function resampler(s: Scope, x: Tensor, latents: Tensor, out: number, config: ResamplerConfig): Tensor {
  const dim = latents.dims[2]!;
  x = linear(s.at('proj_in'), x, dim); // [B, T, dim]
  for (let i = 0; i < config.depth; i++) {
    latents = op.add(latents, perceiverAttention(s.at('layers', i, 0), x, latents, config));
    latents = op.add(latents, feedForward(s.at('layers', i, 1), latents, dim * config.ff_mult));
  }
  return layerNorm(s.at('norm_out'), linear(s.at('proj_out'), latents, out)); // [B, n, out]
}

/** The latents look at the sequence and at themselves. The reference scales q and k by dim_head^-1/4 each, which is the usual scale. */
function perceiverAttention(s: Scope, x: Tensor, latents: Tensor, { heads, dim_head }: ResamplerConfig): Tensor {
  const dim = latents.dims[2]!;
  const inner = heads * dim_head;
  x = layerNorm(s.at('norm1'), x);
  latents = layerNorm(s.at('norm2'), latents);
  const q = linear(s.at('to_q'), latents, inner, { bias: false }); // [B, n, inner]
  const seen = op.concat([x, latents], 1); // [B, T + n, dim]
  const [k, v] = s
    .at('to_kv')
    .parts('weight', [2 * inner, dim], 2)
    .map((weight) => op.linear(seen, weight)) as [Tensor, Tensor];
  return linear(s.at('to_out'), op.attention(q, k, v, heads), dim, { bias: false });
}

function feedForward(s: Scope, x: Tensor, inner: number): Tensor {
  const h = linear(s.at(1), layerNorm(s.at(0), x), inner, { bias: false }); // [B, n, inner]
  return linear(s.at(3), op.gelu(h), x.dims.at(-1)!, { bias: false });
}
