/**
 * CLIP's text tower: huggingface/transformers v4.31, modeling_clip.CLIPTextModel and CLIPTextModelWithProjection.
 * The mask is causal only: padding is ordinary text, as in training.
 */
import { op, type Scope, type Tensor } from '@likeness/graph';
import { layerNorm, linear } from '../layers/basic.ts';
import { clipEncoder, type ClipEncoderConfig } from '../layers/clip-encoder.ts';

export interface ClipTextConfig extends ClipEncoderConfig {
  readonly architectures: readonly string[];
  readonly vocab_size: number;
  readonly max_position_embeddings: number;
  readonly eos_token_id: number;
  readonly projection_dim: number;
}

/** A buffer older files carry, and the projection of files made for another class. */
export const clipTextIgnored = [/^text_model\.embeddings\.position_ids$/, /^text_projection\.weight$/];

/** inputIds int64 [B, n] → last_hidden_state and penultimate [B, n, C], and pooled [B, C] or text_embeds [B, P]. */
export function clipText(s: Scope, inputIds: Tensor, config: ClipTextConfig): Record<string, Tensor> {
  const tokens = inputIds.dims[1]!;
  const width = config.hidden_size;
  const embeddings = s.at('text_model.embeddings');
  const positions = embeddings.weight('position_embedding.weight', [config.max_position_embeddings, width]);
  const words = op.gather(embeddings.weight('token_embedding.weight', [config.vocab_size, width]), inputIds); // [B, n, C]
  const states = clipEncoder(s.at('text_model.encoder'), op.add(words, op.slice(positions, 0, 0, tokens)), config, { causal: true });
  const last = layerNorm(s.at('text_model.final_layer_norm'), states.at(-1)!, config.layer_norm_eps);

  const at = op.argMax(op.cast(endScore(inputIds, config), 'int32'), 1); // [B]
  const pooled = op.gatherPerRow(last, op.reshape(at, [-1, 1])); // [B, C]
  const hidden = { last_hidden_state: last, penultimate: states.at(-2)! };
  if (!config.architectures.includes('CLIPTextModelWithProjection')) return { ...hidden, pooled };
  return { ...hidden, text_embeds: linear(s.at('text_projection'), pooled, config.projection_dim, { bias: false }) }; // [B, P]
}

/**
 * The text's features are those of its end token. The published files say eos_token_id 2, which is a mistake of theirs that the
 * library keeps alive: with it the end is where the id is largest; otherwise it is the first eos_token_id.
 */
const endScore = (inputIds: Tensor, { eos_token_id }: ClipTextConfig): Tensor =>
  eos_token_id === 2 ? inputIds : op.equal(inputIds, eos_token_id);
