import { hashWeights } from '@likeness/graph';
import { describe, expect, it } from 'vitest';
import { attentionPaths } from './architectures/unet.ts';
import {
  adapterConfigOf,
  autoencoderConfig,
  clipTextConfig,
  clipVisionConfig,
  facialEncoderConfigOf,
  identityProjectionConfigOf,
  unetConfig,
} from './checkpoints.ts';
import { clipTextGraph, unetGraph, vaeDecoderGraph, vaeEncoderGraph } from './compile.ts';
import { zeros } from './testing/zeros.ts';

describe('configuration files', () => {
  it('fills in what the files of SD1.5 leave out', () => {
    const config = unetConfig({ _class_name: 'UNet2DConditionModel', cross_attention_dim: 768, sample_size: 64 });
    expect(config).toMatchObject({
      block_out_channels: [320, 640, 1280, 1280],
      attention_head_dim: [8, 8, 8, 8],
      transformer_layers_per_block: [1, 1, 1, 1],
      norm_eps: 1e-5,
      addition_embed_type: null,
      sample_size: 64,
    });
  });

  it('finds the image tower in a file for both towers', () => {
    const tower = { hidden_size: 1280, num_hidden_layers: 32, patch_size: 14, hidden_act: 'gelu' };
    const both = clipVisionConfig({ model_type: 'clip', projection_dim: 1024, text_config: {}, vision_config: tower });
    expect(both).toEqual(clipVisionConfig({ ...tower, projection_dim: 1024 }));
  });

  it.each<[string, () => unknown, RegExp]>([
    ['another network', () => unetConfig({ class_embed_type: 'timestep' }), /"class_embed_type" is "timestep"/],
    ['another activation', () => clipTextConfig({ hidden_act: 'relu' }), /"hidden_act" is "relu"/],
    ['a wrong number', () => autoencoderConfig({ block_out_channels: [128, -1] }), /"block_out_channels\.1" is -1/],
    ['levels that disagree', () => unetConfig({ attention_head_dim: [5, 10] }), /"attention_head_dim" has 2 entries for 4 levels/],
    ['an autoencoder of another class', () => autoencoderConfig({ _class_name: 'AutoencoderTiny' }), /"_class_name" is "AutoencoderTiny"/],
    ['means that are too few', () => autoencoderConfig({ latents_mean: [0, 1] }), /"latents_mean" has 2 entries for 4 latent channels/],
    [
      'stages that do not make up a patch',
      () => autoencoderConfig({ _class_name: 'AutoencoderPatch', patch_size: 16 }),
      /"upsample_factors" make 8 pixels of a latent, and "patch_size" is 16/,
    ],
    ['a list that is none', () => unetConfig({ down_block_types: 'DownBlock2D' }), /"down_block_types"/],
  ])('refuses %s with the field and its value', (_, parse, message) => {
    expect(parse).toThrow(
      expect.objectContaining({ code: 'model_config_invalid', message: expect.stringMatching(message) as string }) as Error,
    );
  });
});

describe('dimensions from tensors', () => {
  it('FacialEncoder', () => {
    const keys = {
      'visual_projection.proj_in.weight': [80, 48],
      'visual_projection.proj_out.weight': [64, 80],
      'visual_projection.layers.0.0.to_q.weight': [128, 80],
      'visual_projection.layers.0.1.1.weight': [160, 80],
      'visual_projection.layers.10.1.1.weight': [160, 80],
      'fuse_module.layer_norm.weight': [64],
    };
    expect(facialEncoderConfigOf(zeros(keys))).toEqual({
      embedding_dim: 48, dim: 80, output_dim: 64, embed_dim: 64, depth: 11, heads: 2, dim_head: 64, ff_mult: 2,
    }); // prettier-ignore
    expect(() => facialEncoderConfigOf(zeros({}))).toThrow(/proj_in\.weight" of 2 dimensions is needed, found none/);
  });

  it('identity projection', () => {
    const keys = {
      'proj.0.weight': [1024, 512],
      'proj.2.weight': [3072, 1024],
      'perceiver_resampler.proj_in.weight': [768, 1280],
      'perceiver_resampler.layers.3.1.1.weight': [3072, 768],
      'perceiver_resampler.layers.0.1.1.weight': [3072, 768],
    };
    expect(identityProjectionConfigOf(zeros(keys), { shortcut: true })).toEqual({
      cross_attention_dim: 768, id_embeddings_dim: 512, clip_embeddings_dim: 1280, num_tokens: 4, depth: 4, dim_head: 64, ff_mult: 4, shortcut: true, scale: 1,
    }); // prettier-ignore
  });

  it('adapter, with LoRA and without', () => {
    expect(adapterConfigOf(zeros({ '0.to_q_lora.down.weight': [128, 320] }), 4)).toEqual({ rank: 128, tokens: 4, lora_scale: 1 });
    expect(adapterConfigOf(zeros({ '1.to_k_ip.weight': [320, 768] }), 16)).toEqual({ rank: 0, tokens: 16, lora_scale: 1 });
  });
});

describe('graphs', () => {
  it('number the attentions of SD1.5 as adapter files do: down, up, mid', () => {
    const paths = attentionPaths(unetConfig({ cross_attention_dim: 768 }));
    expect(paths).toHaveLength(32);
    expect([paths[0], paths[1], paths[12], paths[31]]).toEqual([
      'down_blocks.0.attentions.0.transformer_blocks.0.attn1',
      'down_blocks.0.attentions.0.transformer_blocks.0.attn2',
      'up_blocks.1.attentions.0.transformer_blocks.0.attn1',
      'mid_block.attentions.0.transformer_blocks.0.attn2',
    ]);
  });

  it('number those of a UNet of three levels likewise: every cross-attention lies in the five blocks around the middle', () => {
    const paths = attentionPaths(
      unetConfig({
        block_out_channels: [64, 128, 192],
        layers_per_block: 1,
        down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'],
        up_block_types: ['CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'],
      }),
    );
    const blocks = paths.map((path) => path.split('.attentions')[0]);
    expect(blocks).toEqual(
      ['down_blocks.1', 'down_blocks.2', 'up_blocks.0', 'up_blocks.0', 'up_blocks.1', 'up_blocks.1', 'mid_block'].flatMap((b) => [b, b]),
    );
  });

  it('name the key that is missing', () => {
    const empty = zeros({});
    expect(() => unetGraph(empty, unetConfig({}), { height: 8, width: 8, tokens: 77 })).toThrow(
      /no tensor "time_embedding\.linear_1\.weight"/,
    );
    expect(() => clipTextGraph(empty, clipTextConfig({}))).toThrow(/no tensor "text_model\.embeddings\.position_embedding\.weight"/);
  });

  it('read the autoencoder of before mid-2023 under its newer names, and refuse a file with both', () => {
    const older = { 'decoder.mid_block.attentions.0.query.weight': [8, 8], 'decoder.mid_block.attentions.0.to_q.weight': [8, 8] };
    const config = autoencoderConfig({ block_out_channels: [8], norm_num_groups: 4 });
    expect(() => vaeDecoderGraph(zeros(older), config, { height: 4, width: 4 })).toThrow(
      /are both "decoder\.mid_block\.attentions\.0\.to_q\.weight"/,
    );
  });

  it('refuse a picture smaller than one latent', () => {
    const config = autoencoderConfig({ block_out_channels: [8, 8, 8], norm_num_groups: 4 });
    expect(() => vaeEncoderGraph(zeros({}), config, { height: 10, width: 3 })).toThrow(/3 × 10 is smaller than a latent, 4 × 4/);
    const graph = vaeEncoderGraph(hashWeights(1), config, { height: 10, width: 7 });
    expect(graph.outputs.map(({ dims }) => dims)).toEqual([
      [1, 4, 2, 1],
      [1, 4, 2, 1],
    ]);
  });
});
