/**
 * Stable Diffusion 1.x in one file: the names of CompVis/stable-diffusion (ldm) under those of diffusers, and the configuration that
 * follows from the tensors. Reference: huggingface/diffusers v0.23.0, pipelines/stable_diffusion/convert_from_ckpt.py.
 */
import { renamed, WeightError, withoutPrefix, type WeightSource } from '@likeness/graph';
import type { OpenNetwork } from './pack-sources.ts';

export type SingleFilePart = 'unet' | 'vae' | 'text_encoder';

const prefixes: Readonly<Record<SingleFilePart, string>> = {
  unet: 'model.diffusion_model.',
  vae: 'first_stage_model.',
  text_encoder: 'cond_stage_model.transformer.',
};

/** @throws WeightError `weight_missing` when the file has no such part, or is not of the 1.x layout */
export function openPart(file: WeightSource, part: SingleFilePart): OpenNetwork {
  const stored = withoutPrefix(file, prefixes[part]);
  if (!stored.keys?.length)
    throw new WeightError('weight_missing', `${file.name} has no tensor "${prefixes[part]}…" of Stable Diffusion 1.x.`);
  if (part === 'unet') return unet(stored);
  return part === 'vae' ? vae(stored) : { config: textConfig(stored), weights: stored };
}

type Renaming = readonly (readonly [pattern: RegExp, name: string])[];
const apply = (key: string, renaming: Renaming): string => renaming.reduce((name, [pattern, to]) => name.replace(pattern, to), key);

/** How many numbers follow a prefix: `count(source, 'a')` of a.0.x, a.1.y is 2. */
const count = ({ keys = [] }: WeightSource, prefix: string): number =>
  new Set(keys.flatMap((key) => (key.startsWith(`${prefix}.`) ? key.slice(prefix.length + 1).split('.')[0]! : []))).size;

function size(source: WeightSource, key: string, axis: number): number {
  const found = source.shape(key)?.[axis];
  if (found === undefined)
    throw new WeightError('weight_missing', `${source.name} has no tensor "${key}" from which its configuration follows.`);
  return found;
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

// ── UNet

const unetResnet: Renaming = [
  [/\.in_layers\.0\./, '.norm1.'],
  [/\.in_layers\.2\./, '.conv1.'],
  [/\.emb_layers\.1\./, '.time_emb_proj.'],
  [/\.out_layers\.0\./, '.norm2.'],
  [/\.out_layers\.3\./, '.conv2.'],
  [/\.skip_connection\./, '.conv_shortcut.'],
];
const unetEnds: Renaming = [
  [/^time_embed\.0\./, 'time_embedding.linear_1.'],
  [/^time_embed\.2\./, 'time_embedding.linear_2.'],
  [/^input_blocks\.0\.0\./, 'conv_in.'],
  [/^middle_block\.0\./, 'mid_block.resnets.0.'],
  [/^middle_block\.1\./, 'mid_block.attentions.0.'],
  [/^middle_block\.2\./, 'mid_block.resnets.1.'],
  [/^out\.0\./, 'conv_norm_out.'],
  [/^out\.2\./, 'conv_out.'],
];

function unet(stored: WeightSource): OpenNetwork {
  const keys = stored.keys!;
  const blocks = count(stored, 'input_blocks');
  // the first block that only shrinks ends the first level: conv_in and the level's layers lie before it
  const stride = range(blocks).find((i) => stored.has(`input_blocks.${i}.0.op.weight`)) ?? blocks;
  const blockName = (key: string): string => {
    const [, side, number, module, rest = ''] = /^(input|output)_blocks\.(\d+)\.(\d+)\.(.*)$/.exec(key) ?? [];
    if (side === undefined) return key;
    const at = Number(number) - (side === 'input' ? 1 : 0);
    const [level, layer] = [Math.floor(at / stride), at % stride];
    const block = `${side === 'input' ? 'down' : 'up'}_blocks.${level}`;
    if (rest.startsWith('op.')) return `${block}.downsamplers.0.conv.${rest.slice('op.'.length)}`;
    if (rest.startsWith('conv.')) return `${block}.upsamplers.0.${rest}`;
    return `${block}.${module === '0' ? 'resnets' : 'attentions'}.${layer}.${rest}`;
  };
  const weights = renamed(stored, keys, (key) => apply(blockName(apply(key, unetEnds)), unetResnet));

  const levels = Math.round(blocks / stride);
  const attends = (block: string) => weights.has(`${block}.attentions.0.norm.weight`);
  const [transformer] = weights.keys!.filter((key) => key.endsWith('.attn2.to_k.weight'));
  const config = {
    in_channels: size(weights, 'conv_in.weight', 1),
    out_channels: size(weights, 'conv_out.weight', 0),
    block_out_channels: range(levels).map((i) => size(weights, `down_blocks.${i}.resnets.0.conv1.weight`, 0)),
    layers_per_block: stride - 1,
    down_block_types: range(levels).map((i) => (attends(`down_blocks.${i}`) ? 'CrossAttnDownBlock2D' : 'DownBlock2D')),
    up_block_types: range(levels).map((i) => (attends(`up_blocks.${i}`) ? 'CrossAttnUpBlock2D' : 'UpBlock2D')),
    cross_attention_dim: size(weights, transformer ?? 'attn2.to_k.weight', 1),
    attention_head_dim: 8,
    norm_num_groups: 32,
  };
  return { config, weights };
}

// ── autoencoder

const vaeNames: Renaming = [
  [/\.down\.(\d+)\.block\./, '.down_blocks.$1.resnets.'],
  [/\.down\.(\d+)\.downsample\./, '.down_blocks.$1.downsamplers.0.'],
  [/\.mid\.block_1\./, '.mid_block.resnets.0.'],
  [/\.mid\.block_2\./, '.mid_block.resnets.1.'],
  [/\.mid\.attn_1\.norm\./, '.mid_block.attentions.0.group_norm.'],
  [/\.mid\.attn_1\.([qkv])\./, '.mid_block.attentions.0.to_$1.'],
  [/\.mid\.attn_1\.proj_out\./, '.mid_block.attentions.0.to_out.0.'],
  [/\.nin_shortcut\./, '.conv_shortcut.'],
  [/\.norm_out\./, '.conv_norm_out.'],
];

function vae(stored: WeightSource): OpenNetwork {
  const levels = count(stored, 'encoder.down');
  const upwards = (key: string) =>
    key.replace(
      /^decoder\.up\.(\d+)\.(block|upsample)\./,
      (_, i: string, what: string) => `decoder.up_blocks.${levels - 1 - Number(i)}.${what === 'block' ? 'resnets' : 'upsamplers.0'}.`,
    );
  const weights = asLinear(renamed(stored, stored.keys!, (key) => apply(upwards(key), vaeNames)));
  const config = {
    in_channels: size(weights, 'encoder.conv_in.weight', 1),
    out_channels: size(weights, 'decoder.conv_out.weight', 0),
    latent_channels: size(weights, 'post_quant_conv.weight', 0),
    block_out_channels: range(levels).map((i) => size(weights, `encoder.down_blocks.${i}.resnets.0.conv1.weight`, 0)),
    down_block_types: range(levels).map(() => 'DownEncoderBlock2D'),
    up_block_types: range(levels).map(() => 'UpDecoderBlock2D'),
    layers_per_block: count(weights, 'encoder.down_blocks.0.resnets'),
    norm_num_groups: 32,
  };
  return { config, weights };
}

/** The attention's products are convolutions of one pixel there, [C, C, 1, 1]. */
function asLinear(source: WeightSource): WeightSource {
  const pixel = (key: string) => {
    const shape = source.shape(key);
    return shape?.length === 4 && shape[2] === 1 && shape[3] === 1 && key.includes('.attentions.') ? shape : undefined;
  };
  return {
    ...source,
    shape: (key) => pixel(key)?.slice(0, 2) ?? source.shape(key),
    read: (key, shape) => source.read(key, pixel(key) ?? shape),
  };
}

// ── CLIP-L

function textConfig(stored: WeightSource): Record<string, unknown> {
  const width = size(stored, 'text_model.embeddings.token_embedding.weight', 1);
  return {
    vocab_size: size(stored, 'text_model.embeddings.token_embedding.weight', 0),
    max_position_embeddings: size(stored, 'text_model.embeddings.position_embedding.weight', 0),
    hidden_size: width,
    intermediate_size: size(stored, 'text_model.encoder.layers.0.mlp.fc1.weight', 0),
    num_hidden_layers: count(stored, 'text_model.encoder.layers'),
    num_attention_heads: width / 64,
  };
}
