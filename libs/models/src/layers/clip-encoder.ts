import { op, type Scope, type Tensor } from '@likeness/graph';
import { layerNorm, linear } from './basic.ts';

export interface ClipEncoderConfig {
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly hidden_act: 'quick_gelu' | 'gelu';
  readonly layer_norm_eps: number;
}

/**
 * The transformer of both CLIP towers (huggingface/transformers v4.31, modeling_clip.CLIPEncoder).
 * Returns all hidden states: the input, then the output of every layer, each [B, T, C].
 */
export function clipEncoder(s: Scope, x: Tensor, config: ClipEncoderConfig, { causal }: { causal: boolean }): Tensor[] {
  const states = [x];
  for (let i = 0; i < config.num_hidden_layers; i++) states.push(encoderLayer(s.at('layers', i), states[i]!, config, causal));
  return states;
}

function encoderLayer(s: Scope, x: Tensor, config: ClipEncoderConfig, causal: boolean): Tensor {
  const width = config.hidden_size;
  const act = config.hidden_act === 'gelu' ? op.gelu : op.quickGelu;

  const a = layerNorm(s.at('layer_norm1'), x, config.layer_norm_eps);
  const [q, k, v] = ['q_proj', 'k_proj', 'v_proj'].map((name) => linear(s.at('self_attn', name), a, width)) as [Tensor, Tensor, Tensor];
  const attended = op.attention(q, k, v, config.num_attention_heads, { causal });
  x = op.add(x, linear(s.at('self_attn.out_proj'), attended, width));

  const m = layerNorm(s.at('layer_norm2'), x, config.layer_norm_eps);
  return op.add(x, linear(s.at('mlp.fc2'), act(linear(s.at('mlp.fc1'), m, config.intermediate_size)), width));
}
