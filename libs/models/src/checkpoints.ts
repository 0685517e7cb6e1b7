/**
 * What a model folder says about itself: config.json of diffusers and transformers with the libraries' own defaults for absent
 * fields (diffusers v0.23.0, transformers v4.31), and dimensions read from the tensors of files that have no configuration.
 */
import type { WeightSource } from '@likeness/graph';
import { z } from 'zod';
import type { ClipTextConfig } from './architectures/clip-text.ts';
import type { ClipVisionConfig } from './architectures/clip-vision.ts';
import type { FacialEncoderConfig } from './architectures/facial-encoder.ts';
import type { IdentityProjectionConfig } from './architectures/identity-projection.ts';
import type { IpAdapterConfig } from './architectures/ip-adapter.ts';
import type { AdapterConfig, UNetConfig } from './architectures/unet.ts';
import type { AutoencoderConfig } from './autoencoders.ts';
import { count, layersOf, parse, shapeOf } from './config-sources.ts';
import { ModelError } from './errors.ts';
import type { QueryResamplerConfig } from './layers/resampler.ts';

const absent = z.null().optional();

const clipEncoder = {
  hidden_act: z.enum(['quick_gelu', 'gelu']).default('quick_gelu'),
  layer_norm_eps: z.number().positive().default(1e-5),
};

const clipTextFile = z.object({
  ...clipEncoder,
  architectures: z.array(z.string()).default([]),
  vocab_size: count.default(49408),
  hidden_size: count.default(512),
  intermediate_size: count.default(2048),
  num_hidden_layers: count.default(12),
  num_attention_heads: count.default(8),
  max_position_embeddings: count.default(77),
  projection_dim: count.default(512),
  eos_token_id: z.int().default(2),
});

const clipVisionFile = z.object({
  ...clipEncoder,
  hidden_size: count.default(768),
  intermediate_size: count.default(3072),
  num_hidden_layers: count.default(12),
  num_attention_heads: count.default(12),
  image_size: count.default(224),
  patch_size: count.default(32),
  num_channels: count.default(3),
  projection_dim: count.default(512),
});

const latentScale = {
  scaling_factor: z.number().positive().default(0.18215),
  latents_mean: z.array(z.number()).nullable().default(null),
  latents_std: z.array(z.number().positive()).nullable().default(null),
};

const autoencoderKlFile = z.object({
  ...latentScale,
  _class_name: z.literal('AutoencoderKL'),
  act_fn: z.literal('silu').default('silu'),
  in_channels: count.default(3),
  out_channels: count.default(3),
  latent_channels: count.default(4),
  block_out_channels: z.array(count).min(1).default([64]),
  down_block_types: z.array(z.literal('DownEncoderBlock2D')).min(1).default(['DownEncoderBlock2D']),
  up_block_types: z.array(z.literal('UpDecoderBlock2D')).min(1).default(['UpDecoderBlock2D']),
  layers_per_block: count.default(1),
  norm_num_groups: count.default(32),
  mid_block_add_attention: z.literal(true).default(true),
  use_quant_conv: z.literal(true).default(true),
  use_post_quant_conv: z.literal(true).default(true),
});

/** The class is this project's own; its defaults are those of the pack `nano`. */
const autoencoderPatchFile = z.object({
  ...latentScale,
  scaling_factor: z.number().positive().default(1),
  _class_name: z.literal('AutoencoderPatch'),
  act_fn: z.literal('silu').default('silu'),
  in_channels: count.default(3),
  out_channels: count.default(3),
  latent_channels: count.default(8),
  patch_size: count.default(8),
  block_out_channels: z.array(count).min(1).default([128, 64]),
  upsample_factors: z.array(count).min(1).default([2, 4]),
  layers_per_block: count.default(2),
  norm_num_groups: count.default(32),
});

/** One number for all levels, or one per level. */
const perLevel = z.union([count, z.array(count)]);

const unetFile = z.object({
  act_fn: z.literal('silu').default('silu'),
  in_channels: count.default(4),
  out_channels: count.default(4),
  sample_size: z.union([count, z.null()]).default(null),
  block_out_channels: z.array(count).min(1).default([320, 640, 1280, 1280]),
  layers_per_block: count.default(2),
  down_block_types: z
    .array(z.enum(['CrossAttnDownBlock2D', 'DownBlock2D']))
    .default(['CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'DownBlock2D']),
  mid_block_type: z.literal('UNetMidBlock2DCrossAttn').default('UNetMidBlock2DCrossAttn'),
  up_block_types: z
    .array(z.enum(['CrossAttnUpBlock2D', 'UpBlock2D']))
    .default(['UpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D']),
  attention_head_dim: perLevel.default(8),
  num_attention_heads: z.union([perLevel, z.null()]).default(null),
  transformer_layers_per_block: perLevel.default(1),
  cross_attention_dim: count.default(1280),
  use_linear_projection: z.boolean().default(false),
  norm_num_groups: count.default(32),
  norm_eps: z.number().positive().default(1e-5),
  flip_sin_to_cos: z.boolean().default(true),
  freq_shift: z.number().default(0),
  addition_embed_type: z.union([z.literal('text_time'), z.null()]).default(null),
  addition_time_embed_dim: z.union([count, z.null()]).default(null),
  projection_class_embeddings_input_dim: z.union([count, z.null()]).default(null),
  // Settings of other models: with another value the network would be another one.
  center_input_sample: z.literal(false).default(false),
  downsample_padding: z.literal(1).default(1),
  mid_block_scale_factor: z.literal(1).default(1),
  only_cross_attention: z.literal(false).default(false),
  dual_cross_attention: z.literal(false).default(false),
  resnet_time_scale_shift: z.literal('default').default('default'),
  resnet_skip_time_act: z.literal(false).default(false),
  resnet_out_scale_factor: z.literal(1).default(1),
  time_embedding_type: z.literal('positional').default('positional'),
  conv_in_kernel: z.literal(3).default(3),
  conv_out_kernel: z.literal(3).default(3),
  class_embed_type: absent,
  num_class_embeds: absent,
  encoder_hid_dim: absent,
  encoder_hid_dim_type: absent,
  time_cond_proj_dim: absent,
  time_embedding_dim: absent,
  time_embedding_act_fn: absent,
  timestep_post_act: absent,
  cross_attention_norm: absent,
});

const facialEncoderFile = z.object({
  embedding_dim: count.default(1280),
  output_dim: count.default(768),
  embed_dim: count.default(768),
  dim: count.default(1024),
  depth: count.default(8),
  dim_head: count.default(64),
  heads: count.default(16),
  ff_mult: count.default(4),
});

const identityProjectionFile = z.object({
  cross_attention_dim: count.default(768),
  id_embeddings_dim: count.default(512),
  clip_embeddings_dim: count.default(1280),
  num_tokens: count.default(4),
  depth: count.default(4),
  dim_head: count.default(64),
  ff_mult: count.default(4),
  shortcut: z.boolean().default(false),
  scale: z.number().default(1),
});

/** Settings of the class that no published file uses. */
const plainResampler = { apply_pos_emb: z.literal(false).default(false), num_latents_mean_pooled: z.literal(0).default(0) };

/** The defaults are those of the classes of tencent-ailab/IP-Adapter; InstantID has copied its Resampler. */
const resamplerFile = z.object({
  ...plainResampler,
  dim: count.default(1024),
  depth: count.default(8),
  dim_head: count.default(64),
  heads: count.default(16),
  num_queries: count.default(8),
  embedding_dim: count.default(768),
  output_dim: count.default(1024),
  ff_mult: count.default(4),
});

const ipAdapterFile = z.discriminatedUnion('variant', [
  z.object({
    variant: z.literal('base'),
    cross_attention_dim: count.default(1024),
    clip_embeddings_dim: count.default(1024),
    num_tokens: count.default(4),
  }),
  resamplerFile.extend({ variant: z.literal('plus') }),
  z.object({ variant: z.literal('full'), cross_attention_dim: count.default(1024), clip_embeddings_dim: count.default(1024) }),
  z.object({
    variant: z.literal('faceid'),
    cross_attention_dim: count.default(768),
    id_embeddings_dim: count.default(512),
    num_tokens: count.default(4),
  }),
  identityProjectionFile.extend({ variant: z.literal('faceid-plus') }),
]);

export const clipTextConfig = (json: unknown): ClipTextConfig => parse('CLIP text', clipTextFile, json);

/** Of a file for the image tower alone, or of one for both towers, which holds the tower's part under `vision_config`. */
export function clipVisionConfig(json: unknown): ClipVisionConfig {
  const { vision_config: part, projection_dim } = parse(
    'CLIP',
    z.object({ vision_config: z.unknown().optional(), projection_dim: z.unknown().optional() }),
    json,
  );
  return parse('CLIP vision', clipVisionFile, typeof part === 'object' && part !== null ? { ...part, projection_dim } : json);
}

export const facialEncoderConfig = (json: unknown): FacialEncoderConfig => parse('FacialEncoder', facialEncoderFile, json);
export const identityProjectionConfig = (json: unknown): IdentityProjectionConfig =>
  parse('identity projection', identityProjectionFile, json);

export const ipAdapterConfig = (json: unknown): IpAdapterConfig => parse('IP-Adapter', ipAdapterFile, json);
export const instantIdConfig = (json: unknown): QueryResamplerConfig => parse('InstantID resampler', resamplerFile, json);

/** Of either class, by its `_class_name`; a file without one is of AutoencoderKL. */
export function autoencoderConfig(json: Readonly<Record<string, unknown>>): AutoencoderConfig {
  const file = z.discriminatedUnion('_class_name', [autoencoderKlFile, autoencoderPatchFile]);
  const config = parse('autoencoder', file, { _class_name: 'AutoencoderKL', ...json });
  const invalid = (message: string) => new ModelError('model_config_invalid', `autoencoder configuration: ${message}.`);
  for (const field of ['latents_mean', 'latents_std'] as const) {
    const values = config[field];
    if (values && values.length !== config.latent_channels)
      throw invalid(`"${field}" has ${values.length} entries for ${config.latent_channels} latent channels`);
  }
  if (config._class_name === 'AutoencoderPatch') {
    const { block_out_channels: widths, upsample_factors: factors, patch_size } = config;
    if (factors.length !== widths.length) throw invalid(`"upsample_factors" has ${factors.length} entries for ${widths.length} stages`);
    const product = factors.reduce((n, factor) => n * factor, 1);
    if (product !== patch_size) throw invalid(`"upsample_factors" make ${product} pixels of a latent, and "patch_size" is ${patch_size}`);
  }
  return config;
}

/** With the latent size the model was trained at, where the file says it. */
export function unetConfig(json: unknown): UNetConfig & { readonly sample_size: number | null } {
  const file = parse('UNet', unetFile, json);
  const levels = file.block_out_channels.length;
  const spread = (field: 'attention_head_dim' | 'transformer_layers_per_block'): number[] => {
    const value = file[field];
    return typeof value === 'number' ? Array<number>(levels).fill(value) : value;
  };
  if (file.num_attention_heads !== null) {
    throw new ModelError(
      'model_config_unsupported',
      'UNet configuration: "num_attention_heads" is set; the reference refuses it and reads the number of heads from attention_head_dim.',
    );
  }
  const config = {
    ...file,
    attention_head_dim: spread('attention_head_dim'),
    transformer_layers_per_block: spread('transformer_layers_per_block'),
  };
  for (const field of ['down_block_types', 'up_block_types', 'attention_head_dim', 'transformer_layers_per_block'] as const) {
    if (config[field].length !== levels) {
      throw new ModelError(
        'model_config_invalid',
        `UNet configuration: "${field}" has ${config[field].length} entries for ${levels} levels.`,
      );
    }
  }
  if (config.addition_embed_type === 'text_time' && config.addition_time_embed_dim === null) {
    throw new ModelError('model_config_invalid', 'UNet configuration: "text_time" needs "addition_time_embed_dim".');
  }
  return config;
}

/** The width of every head is fixed in the reference; the rest of both configurations follows from the tensors. */
const resamplerHeadWidth = 64;

/** `source` holds the keys of the FacialEncoder without prefix. */
export function facialEncoderConfigOf(source: WeightSource): FacialEncoderConfig {
  const [dim, embedding] = shapeOf(source, 'visual_projection.proj_in.weight', 2) as [number, number];
  const [output] = shapeOf(source, 'visual_projection.proj_out.weight', 2) as [number];
  const [inner] = shapeOf(source, 'visual_projection.layers.0.0.to_q.weight', 2) as [number];
  const [hidden] = shapeOf(source, 'visual_projection.layers.0.1.1.weight', 2) as [number];
  const [width] = shapeOf(source, 'fuse_module.layer_norm.weight', 1) as [number];
  return {
    embedding_dim: embedding,
    dim,
    output_dim: output,
    embed_dim: width,
    depth: layersOf(source, 'visual_projection.layers'),
    heads: inner / resamplerHeadWidth,
    dim_head: resamplerHeadWidth,
    ff_mult: hidden / dim,
  };
}

/** `source` holds the keys of the projection without prefix. `shortcut` is not in the file: SDXL has it, SD1.5 has not. */
export function identityProjectionConfigOf(
  source: WeightSource,
  { shortcut, scale = 1 }: { shortcut: boolean; scale?: number },
): IdentityProjectionConfig {
  const [width, clip] = shapeOf(source, 'perceiver_resampler.proj_in.weight', 2) as [number, number];
  const [, face] = shapeOf(source, 'proj.0.weight', 2) as [number, number];
  const [tokens] = shapeOf(source, 'proj.2.weight', 2) as [number];
  const [hidden] = shapeOf(source, 'perceiver_resampler.layers.0.1.1.weight', 2) as [number];
  return {
    cross_attention_dim: width,
    id_embeddings_dim: face,
    clip_embeddings_dim: clip,
    num_tokens: tokens / width,
    depth: layersOf(source, 'perceiver_resampler.layers'),
    dim_head: resamplerHeadWidth,
    ff_mult: hidden / width,
    shortcut,
    scale,
  };
}

/** `source` holds `{i}.…` keys. The number of image tokens is the identity projection's. */
export function adapterConfigOf(source: WeightSource, tokens: number, lora_scale = 1): AdapterConfig {
  const rank = source.has('0.to_q_lora.down.weight') ? shapeOf(source, '0.to_q_lora.down.weight', 2)[0]! : 0;
  return { rank, tokens, lora_scale };
}
