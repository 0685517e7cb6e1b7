/** A face as a sequence of one: InstantID/InstantID 2145b67, ip_adapter/resampler.Resampler. 81,978,624 parameters as published. */
import type { Scope, Tensor } from '@likeness/graph';
import { queryResampler, type QueryResamplerConfig } from '../layers/resampler.ts';

/** faceEmbeds [B, 1, 512], as the recogniser leaves them, not of unit length → [B, num_queries, C] */
export const instantIdResampler = (s: Scope, faceEmbeds: Tensor, config: QueryResamplerConfig): Tensor =>
  queryResampler(s, faceEmbeds, config);
