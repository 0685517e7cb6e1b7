/**
 * The denoiser of SD1.5 and SDXL: huggingface/diffusers v0.23.0, models/unet_2d_condition.UNet2DConditionModel, with the attention
 * processors of JackAILab/ConsistentID e234008 (attention.Consistent_AttProcessor, Consistent_IPAttProcessor): LoRA on every
 * attention projection, merged into the weights here, and a second attention over image tokens.
 */
import { op, type Scope, type Tensor } from '@likeness/graph';
import { conv, groupNorm, layerNorm, linear } from '../layers/basic.ts';
import { mergeLora } from '../layers/lora.ts';
import { resnetBlock, upsample, type BlockNorm } from '../layers/resnet-block.ts';

export interface UNetConfig {
  readonly in_channels: number;
  readonly out_channels: number;
  readonly block_out_channels: readonly number[];
  readonly layers_per_block: number;
  readonly down_block_types: readonly ('CrossAttnDownBlock2D' | 'DownBlock2D')[];
  readonly up_block_types: readonly ('CrossAttnUpBlock2D' | 'UpBlock2D')[];
  /** The NUMBER of heads per level: the field is misnamed in the published files, and the library reads it so. */
  readonly attention_head_dim: readonly number[];
  readonly transformer_layers_per_block: readonly number[];
  readonly cross_attention_dim: number;
  readonly use_linear_projection: boolean;
  readonly norm_num_groups: number;
  readonly norm_eps: number;
  readonly flip_sin_to_cos: boolean;
  readonly freq_shift: number;
  /** SDXL: picture sizes and pooled text are added to the time embedding. */
  readonly addition_embed_type: 'text_time' | null;
  readonly addition_time_embed_dim: number | null;
  readonly projection_class_embeddings_input_dim: number | null;
}

/** What a personalisation file adds to the attentions. */
export interface AdapterConfig {
  /** Of the LoRA on q, k, v and out; 0 where there is none. */
  readonly rank: number;
  /** Image tokens at the end of encoder_hidden_states. */
  readonly tokens: number;
  readonly lora_scale: number;
}

export interface Adapter {
  /** `adapter_modules` */
  readonly scope: Scope;
  readonly config: AdapterConfig;
  /** float32 [1]: weight of the attention over the image tokens, an input of the graph. */
  readonly scale: Tensor;
}

export interface UNetInputs {
  readonly sample: Tensor;
  readonly timestep: Tensor;
  readonly encoderHiddenStates: Tensor;
  /** SDXL: pooled text of the second encoder, and six sizes. */
  readonly textEmbeds?: Tensor | undefined;
  readonly timeIds?: Tensor | undefined;
}

/** Is told of each attention's queries and keys, [B, n, C] and [B, m, C]: those over the image tokens are left out. */
export type AttentionObserver = (attention: string, q: Tensor, k: Tensor, heads: number) => void;

/** Eps of a transformer's own group normalisation, whatever norm_eps says (models/transformer_2d). */
const transformerEpsilon = 1e-6;

/**
 * sample [B, 4, h, w], timestep float32 [B], encoderHiddenStates [B, 77 + n, C] → sample [B, 4, h, w]; textEmbeds [B, P] and
 * timeIds [B, 6] where the config says text_time. Also the states between the blocks, for comparisons.
 */
export function unet(
  s: Scope,
  inputs: UNetInputs,
  config: UNetConfig,
  adapter?: Adapter,
  observe: AttentionObserver = () => undefined,
): { sample: Tensor; intermediates: Record<string, Tensor> } {
  const widths = config.block_out_channels;
  const levels = widths.length;
  const norm: BlockNorm = { groups: config.norm_num_groups, epsilon: config.norm_eps };
  const intermediates: Record<string, Tensor> = {};
  const note = (name: string, value: Tensor) => (intermediates[name] = value);

  const embedded = timeEmbedding(s, inputs.timestep, config); // [B, 4·C₀]
  note('time_embedding', embedded);
  const time = op.silu(config.addition_embed_type === 'text_time' ? op.add(embedded, additionEmbedding(s, inputs, config)) : embedded);

  const context: Context = {
    config,
    adapter: adapter && slots(s, adapter, config),
    observe: (at, q, k, heads) => observe(at.below(s), q, k, heads),
    ...splitTokens(inputs.encoderHiddenStates, adapter),
  };
  const transform = (at: Scope, x: Tensor, level: number) => transformer(at, x, context, level);

  let x = note('conv_in', conv(s.at('conv_in'), inputs.sample, widths[0]!, 3)); // [B, C₀, h, w]
  const skips = [x];
  for (const [i, type] of config.down_block_types.entries()) {
    const block = s.at('down_blocks', i);
    for (let j = 0; j < config.layers_per_block; j++) {
      x = resnetBlock(block.at('resnets', j), x, widths[i]!, norm, time); // [B, Cᵢ, h/2ⁱ, w/2ⁱ]
      if (type === 'CrossAttnDownBlock2D') x = transform(block.at('attentions', j), x, i);
      skips.push(x);
    }
    if (i < levels - 1) skips.push((x = conv(block.at('downsamplers', 0, 'conv'), x, widths[i]!, 3, { stride: 2 }))); // halves, rounding up
    note(`down_blocks.${i}`, x);
  }

  const mid = s.at('mid_block');
  x = resnetBlock(mid.at('resnets', 0), x, widths.at(-1)!, norm, time);
  x = transform(mid.at('attentions', 0), x, levels - 1);
  x = note('mid_block', resnetBlock(mid.at('resnets', 1), x, widths.at(-1)!, norm, time));

  for (const [i, type] of config.up_block_types.entries()) {
    const block = s.at('up_blocks', i);
    const level = levels - 1 - i;
    for (let j = 0; j <= config.layers_per_block; j++) {
      x = op.concat([x, skips.pop()!], 1); // [B, Cᵢ + C_skip, …]
      x = resnetBlock(block.at('resnets', j), x, widths[level]!, norm, time);
      if (type === 'CrossAttnUpBlock2D') x = transform(block.at('attentions', j), x, level);
    }
    const skip = skips.at(-1);
    if (level > 0) x = upsample(block.at('upsamplers', 0), x, skip!.dims[2]!, skip!.dims[3]!); // to the size of the skip it meets
  }

  x = op.silu(groupNorm(s.at('conv_norm_out'), x, norm.groups, norm.epsilon));
  return { sample: conv(s.at('conv_out'), x, config.out_channels, 3), intermediates }; // [B, 4, h, w]
}

/** timestep [B] → [B, 4·C₀] */
function timeEmbedding(s: Scope, timestep: Tensor, config: UNetConfig): Tensor {
  const width = config.block_out_channels[0]!;
  const h = linear(s.at('time_embedding.linear_1'), sinusoids(timestep, width, config), 4 * width);
  return linear(s.at('time_embedding.linear_2'), op.silu(h), 4 * width);
}

/** The six sizes one by one, after the pooled text: [B, P], [B, 6] → [B, 4·C₀] */
function additionEmbedding(s: Scope, { textEmbeds, timeIds }: UNetInputs, config: UNetConfig): Tensor {
  if (!textEmbeds || !timeIds) throw new TypeError('This UNet needs text_embeds and time_ids.');
  const width = 4 * config.block_out_channels[0]!;
  const [batch, ids] = timeIds.dims as [number, number];
  const sizes = sinusoids(op.reshape(timeIds, [batch * ids]), config.addition_time_embed_dim!, config); // [B·6, D]
  const joined = op.concat([textEmbeds, op.reshape(sizes, [batch, -1])], 1); // [B, P + 6·D]
  const h = linear(s.at('add_embedding.linear_1'), joined, width);
  return linear(s.at('add_embedding.linear_2'), op.silu(h), width);
}

/**
 * Sine and cosine of t times falling frequencies: [N] → [N, width]. In double precision, since float32 loses digits with growing t
 * (5e-6 of the embedding at t = 999 in the reference). cos x is written sin(x + π/2): the runtime has no double-precision cosine.
 */
function sinusoids(t: Tensor, width: number, { flip_sin_to_cos, freq_shift }: UNetConfig): Tensor {
  const half = width / 2;
  const frequencies = Array.from({ length: half }, (_, i) => Math.exp((-Math.log(10000) * i) / (half - freq_shift)));
  const angles = op.mul(op.reshape(op.cast(t, 'float64'), [-1, 1]), t.graph.floats(frequencies, [1, half], 'float64')); // [N, width/2]
  const sine = op.sin(angles);
  const cosine = op.sin(op.add(angles, Math.PI / 2));
  return op.cast(op.concat(flip_sin_to_cos ? [cosine, sine] : [sine, cosine], 1), 'float32');
}

/** What every attention of the network shares. */
interface Context {
  readonly config: UNetConfig;
  readonly text: Tensor;
  readonly image: Tensor | undefined;
  readonly adapter: AdapterSlots | undefined;
  readonly observe: (attention: Scope, q: Tensor, k: Tensor, heads: number) => void;
}

/** [B, 77 + n, C] → [B, 77, C] and [B, n, C] */
function splitTokens(states: Tensor, adapter: Adapter | undefined): { text: Tensor; image: Tensor | undefined } {
  const length = states.dims[1]!;
  const tokens = adapter?.config.tokens ?? 0;
  if (tokens === 0) return { text: states, image: undefined };
  return { text: op.slice(states, 1, 0, length - tokens), image: op.slice(states, 1, length - tokens, length) };
}

/** x [B, C, H, W] → the same, after attention among pixels and to the tokens (models/transformer_2d.Transformer2DModel). */
function transformer(s: Scope, x: Tensor, context: Context, level: number): Tensor {
  const { use_linear_projection, norm_num_groups, transformer_layers_per_block: depths } = context.config;
  const [b, c, height, width] = x.dims as [number, number, number, number];
  const toPixels = (t: Tensor) => op.reshape(op.transpose(t, [0, 2, 3, 1]), [b, height * width, c]);
  const toImage = (t: Tensor) => op.transpose(op.reshape(t, [b, height, width, c]), [0, 3, 1, 2]);

  let h = groupNorm(s.at('norm'), x, norm_num_groups, transformerEpsilon);
  h = use_linear_projection ? linear(s.at('proj_in'), toPixels(h), c) : toPixels(conv(s.at('proj_in'), h, c, 1)); // [B, HW, C]
  for (let i = 0; i < depths[level]!; i++) h = transformerBlock(s.at('transformer_blocks', i), h, context, level);
  h = use_linear_projection ? toImage(linear(s.at('proj_out'), h, c)) : conv(s.at('proj_out'), toImage(h), c, 1); // [B, C, H, W]
  return op.add(h, x);
}

/** [B, HW, C] → [B, HW, C] (models/attention.BasicTransformerBlock) */
function transformerBlock(s: Scope, x: Tensor, context: Context, level: number): Tensor {
  const heads = context.config.attention_head_dim[level]!;
  x = op.add(x, selfAttention(s.at('attn1'), layerNorm(s.at('norm1'), x), heads, context));
  x = op.add(x, crossAttention(s.at('attn2'), layerNorm(s.at('norm2'), x), heads, context));
  return op.add(x, feedForward(s.at('ff'), layerNorm(s.at('norm3'), x)));
}

function selfAttention(s: Scope, x: Tensor, heads: number, { adapter, observe }: Context): Tensor {
  const lora = adapter?.at(s);
  const [q, k, v] = (['q', 'k', 'v'] as const).map((name) => projection(s, x, x.dims[2]!, name, lora)) as [Tensor, Tensor, Tensor];
  observe(s, q, k, heads);
  return outProjection(s, op.attention(q, k, v, heads), lora);
}

/** Queries from the pixels; keys and values from the text, and a second time from the image tokens, without LoRA there. */
function crossAttention(s: Scope, x: Tensor, heads: number, { text, image, adapter, observe }: Context): Tensor {
  const width = x.dims[2]!;
  const lora = adapter?.at(s);
  const q = projection(s, x, width, 'q', lora); // [B, HW, C]
  const k = projection(s, text, width, 'k', lora); // [B, 77, C]
  const v = projection(s, text, width, 'v', lora);
  observe(s, q, k, heads);
  let attended = op.attention(q, k, v, heads); // [B, HW, C]
  if (image && lora && adapter) {
    const [imageK, imageV] = ['to_k_ip', 'to_v_ip'].map((name) => linear(lora.scope.at(name), image, width, { bias: false })) as [
      Tensor,
      Tensor,
    ];
    attended = op.add(attended, op.mul(op.attention(q, imageK, imageV, heads), adapter.scale));
  }
  return outProjection(s, attended, lora);
}

/** First half times GELU of the second half (models/activations.GEGLU). */
function feedForward(s: Scope, x: Tensor): Tensor {
  const width = x.dims[2]!;
  const proj = s.at('net', 0, 'proj');
  const weights = proj.parts('weight', [8 * width, width], 2);
  const biases = proj.parts('bias', [8 * width], 2);
  const [value, gate] = weights.map((weight, i) => op.linear(x, weight, biases[i])) as [Tensor, Tensor]; // [B, HW, 4·C] each
  return linear(s.at('net', 2), op.mul(value, op.gelu(gate)), width);
}

/** The adapter's place for one attention. */
interface LoraSlot {
  readonly scope: Scope;
  readonly rank: number;
  readonly scale: number;
}

interface AdapterSlots {
  readonly scale: Tensor;
  at(attention: Scope): LoraSlot;
}

function projection(s: Scope, x: Tensor, out: number, name: 'q' | 'k' | 'v', lora: LoraSlot | undefined): Tensor {
  return op.linear(x, adapted(s.at(`to_${name}`), [out, x.dims[2]!], lora, `to_${name}_lora`));
}

function outProjection(s: Scope, x: Tensor, lora: LoraSlot | undefined): Tensor {
  const width = x.dims[2]!;
  const out = s.at('to_out', 0);
  return op.linear(x, adapted(out, [width, width], lora, 'to_out_lora'), out.weight('bias', [width]));
}

/** W + scale · up · down where there is a LoRA, else W. */
const adapted = (s: Scope, dims: readonly [number, number], lora: LoraSlot | undefined, name: string): Tensor =>
  lora && lora.rank > 0 ? mergeLora(s, dims, lora.scope.at(name), lora.rank, lora.scale) : s.weight('weight', dims);

/**
 * Adapter files number the attentions in the order the library registers its modules: down blocks, up blocks, and the mid block
 * last; attn1 before attn2. This is the one place where path ≠ key.
 */
function slots(root: Scope, { scope, config: { rank, lora_scale }, scale }: Adapter, config: UNetConfig): AdapterSlots {
  const numbers = new Map(attentionPaths(config).map((path, i) => [path, i]));
  const at = (attention: Scope): LoraSlot => {
    const number = numbers.get(attention.below(root));
    if (number === undefined) throw new RangeError(`No adapter number is known for the attention "${attention.path}".`);
    return { scope: scope.at(number), rank, scale: lora_scale };
  };
  return { scale, at };
}

/** Paths of all attentions, in the order of their numbers in an adapter file. */
export function attentionPaths(config: UNetConfig): string[] {
  const { layers_per_block: layers, transformer_layers_per_block: depths, down_block_types: down, up_block_types: up } = config;
  const last = down.length - 1;
  const paths = (prefix: string, attentions: number, depth: number) =>
    Array.from({ length: attentions }, (_, i) =>
      Array.from({ length: depth }, (_, j) => [1, 2].map((n) => `${prefix}.attentions.${i}.transformer_blocks.${j}.attn${n}`)),
    ).flat(2);
  return [
    ...down.flatMap((type, i) => (type === 'CrossAttnDownBlock2D' ? paths(`down_blocks.${i}`, layers, depths[i]!) : [])),
    ...up.flatMap((type, i) => (type === 'CrossAttnUpBlock2D' ? paths(`up_blocks.${i}`, layers + 1, depths[last - i]!) : [])),
    ...paths('mid_block', 1, depths[last]!),
  ];
}
