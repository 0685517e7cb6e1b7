import { countMacs, dialects, hashWeights, print, type Graph } from '@likeness/graph';
import { describe, expect, it } from 'vitest';
import {
  autoencoderConfig,
  clipTextConfig,
  clipVisionConfig,
  facialEncoderConfig,
  identityProjectionConfig,
  instantIdConfig,
  ipAdapterConfig,
  unetConfig,
} from './checkpoints.ts';
import { fastComposerGraph, instantIdGraph, ipAdapterGraph, photoMakerGraph } from './compile-adapters.ts';
import {
  clipTextGraph,
  clipVisionGraph,
  faceDetectionGraph,
  faceParsingGraph,
  faceRecognitionGraph,
  fuseGraph,
  identityProjectionGraph,
  unetGraph,
  vaeDecoderGraph,
  vaeEncoderGraph,
  visualProjectionGraph,
} from './compile.ts';
import { bisenetConfig, iresnetConfig, scrfdConfig } from './face-checkpoints.ts';

const weights = hashWeights(1);
const clip = { hidden_size: 16, intermediate_size: 32, num_hidden_layers: 2, num_attention_heads: 2 };
const vae = autoencoderConfig({ block_out_channels: [8, 16], norm_num_groups: 4 });
const patches = autoencoderConfig({
  _class_name: 'AutoencoderPatch',
  latent_channels: 5,
  block_out_channels: [16, 8],
  norm_num_groups: 4,
  layers_per_block: 1,
});
const facial = facialEncoderConfig({ embedding_dim: 16, output_dim: 24, embed_dim: 24, dim: 32, depth: 1, dim_head: 8, heads: 4 });
const resampler = { dim: 32, depth: 1, dim_head: 8, heads: 2, num_queries: 4, output_dim: 24 };
const ipAdapters = [
  { variant: 'base', cross_attention_dim: 24, clip_embeddings_dim: 16 },
  { variant: 'plus', ...resampler, embedding_dim: 16 },
  { variant: 'full', cross_attention_dim: 24, clip_embeddings_dim: 16 },
  { variant: 'faceid', cross_attention_dim: 24 },
  { variant: 'faceid-plus', cross_attention_dim: 64, clip_embeddings_dim: 16, depth: 1, shortcut: true, scale: 0.8 },
].map(ipAdapterConfig);
const smallUnet = {
  block_out_channels: [8, 16],
  layers_per_block: 1,
  norm_num_groups: 4,
  attention_head_dim: 2,
  cross_attention_dim: 24,
};
const perLevel = ({
  attention_head_dim,
  ...rest
}: {
  attention_head_dim: number;
  block_out_channels: number[];
  norm_num_groups: number;
}) => ({
  ...rest,
  attention_head_dim: rest.block_out_channels.map(() => attention_head_dim),
});
const sd15 = unetConfig({
  ...smallUnet,
  down_block_types: ['CrossAttnDownBlock2D', 'DownBlock2D'],
  up_block_types: ['UpBlock2D', 'CrossAttnUpBlock2D'],
});
const sdxl = unetConfig({
  ...smallUnet,
  down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D'],
  up_block_types: ['CrossAttnUpBlock2D', 'UpBlock2D'],
  attention_head_dim: [1, 2],
  transformer_layers_per_block: [1, 2],
  use_linear_projection: true,
  addition_embed_type: 'text_time',
  addition_time_embed_dim: 4,
  projection_class_embeddings_input_dim: 40,
});
const adapter = { weights, config: { rank: 4, tokens: 4, lora_scale: 1 } };

/** What the architectures become, as text that is committed and read: a change of a network shows as a change of these files. */
describe('printed graphs', () => {
  it.each<[string, () => Graph]>([
    [
      'clip-text',
      () => clipTextGraph(weights, clipTextConfig({ ...clip, vocab_size: 100, architectures: ['CLIPTextModel'] }), { tokens: 7 }),
    ],
    [
      'clip-vision',
      () => clipVisionGraph(weights, clipVisionConfig({ ...clip, image_size: 8, patch_size: 4, projection_dim: 8, hidden_act: 'gelu' })),
    ],
    ['vae-decoder', () => vaeDecoderGraph(weights, vae, { height: 4, width: 6 })],
    ['vae-encoder', () => vaeEncoderGraph(weights, vae, { height: 8, width: 12 })],
    ['vae-decoder-patch', () => vaeDecoderGraph(weights, patches, { height: 4, width: 6 })],
    ['vae-encoder-patch', () => vaeEncoderGraph(weights, patches, { height: 32, width: 48 })],
    ['unet-sd15', () => unetGraph(weights, sd15, { batch: 2, height: 5, width: 8, tokens: 81, adapter })],
    ['unet-sdxl', () => unetGraph(weights, sdxl, { height: 8, width: 8, tokens: 81, adapter })],
    ['visual-projection', () => visualProjectionGraph(weights, facial, { regions: 5, patches: 17 })],
    ['fuse', () => fuseGraph(weights, facial)],
    [
      'identity-projection',
      () =>
        identityProjectionGraph(weights, identityProjectionConfig({ cross_attention_dim: 64, clip_embeddings_dim: 16, depth: 1 }), {
          patches: 17,
        }),
    ],
    ['face-parsing', () => faceParsingGraph(weights, bisenetConfig({}), { height: 40, width: 72 })],
    ['face-detection', () => faceDetectionGraph(weights, scrfdConfig({}), { size: 64 })],
    ['face-recognition', () => faceRecognitionGraph(weights, iresnetConfig({ layers: [2, 1, 1, 1] }))],
    ...ipAdapters.map((config): [string, () => Graph] => [
      `ip-adapter-${config.variant}`,
      () => ipAdapterGraph(weights, config, { batch: 2, patches: 5 }),
    ]),
    [
      'photomaker-id-encoder',
      () =>
        photoMakerGraph(weights, clipVisionConfig({ ...clip, image_size: 8, patch_size: 4, projection_dim: 8 }), {
          pictures: 2,
          width: 24,
        }),
    ],
    ['instantid-resampler', () => instantIdGraph(weights, instantIdConfig({ ...resampler, embedding_dim: 512 }))],
    ['fastcomposer-postfuse', () => fastComposerGraph(weights, { embed_dim: 16 }, { batch: 2, objects: 3 })],
  ])('%s', async (name, build) => {
    await expect(print(build())).toMatchFileSnapshot(`../graphs/${name}.txt`);
  });
});

/** The same networks for CUDA, at a width that all of its operators know. */
describe('printed graphs for CUDA', () => {
  const wide = { block_out_channels: [320, 64], norm_num_groups: 8, attention_head_dim: 4 };
  it.each<[string, () => Graph]>([
    ['unet-sd15', () => unetGraph(weights, { ...sd15, ...perLevel(wide) }, { batch: 2, height: 5, width: 8, tokens: 81, adapter })],
    [
      'clip-text',
      () => clipTextGraph(weights, clipTextConfig({ ...clip, vocab_size: 100, architectures: ['CLIPTextModel'] }), { tokens: 7 }),
    ],
    [
      'clip-vision',
      () => clipVisionGraph(weights, clipVisionConfig({ ...clip, image_size: 8, patch_size: 4, projection_dim: 8, hidden_act: 'gelu' })),
    ],
  ])('%s', async (name, build) => {
    await expect(print(dialects.cuda(build()))).toMatchFileSnapshot(`../graphs/cuda/${name}.txt`);
  });
});

/** Against figures published for these networks, which count the same products. */
describe('size of the published networks', () => {
  const billions = (graph: Graph) => countMacs(graph) / 1e9;
  const parameters = (graph: Graph) =>
    graph.constantsOf(graph.liveNodes()).reduce((n, c) => (c.literal ? n : n + c.dims.reduce((a, b) => a * b, 1)), 0);

  it('SD1.5 at 512 × 512 with ID tokens: 401.8 GMAC, 859.5 M and 19.2 M parameters', () => {
    const unet = unetGraph(weights, unetConfig({ cross_attention_dim: 768 }), { height: 64, width: 64, tokens: 81, adapter });
    expect(billions(unet)).toBeCloseTo(401.8, 0);
    expect(parameters(unet)).toBe(859_520_964 + 19_169_280);
  });

  it('SDXL at 1024 × 1024 with ID tokens: 3,383 GMAC', () => {
    const config = unetConfig({
      block_out_channels: [320, 640, 1280],
      down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'],
      up_block_types: ['CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'],
      attention_head_dim: [5, 10, 20],
      transformer_layers_per_block: [1, 2, 10],
      cross_attention_dim: 2048,
      use_linear_projection: true,
      addition_embed_type: 'text_time',
      addition_time_embed_dim: 256,
      projection_class_embeddings_input_dim: 2816,
    });
    expect(billions(unetGraph(weights, config, { height: 128, width: 128, tokens: 81, adapter }))).toBeCloseTo(3383, -1);
  });

  it('the UNet of 128 × 128 pictures: 11.2 M parameters; the decoder of its patches: 1.07 M', () => {
    const config = unetConfig({
      in_channels: 8,
      out_channels: 8,
      block_out_channels: [64, 128, 192],
      layers_per_block: 1,
      down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'],
      up_block_types: ['CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'],
      cross_attention_dim: 128,
    });
    const unet = unetGraph(weights, config, { height: 16, width: 16, tokens: 81, adapter });
    expect(parameters(unet) / 1e6).toBeCloseTo(11.2, 1);
    const decoder = vaeDecoderGraph(weights, autoencoderConfig({ _class_name: 'AutoencoderPatch' }), { height: 16, width: 16 });
    expect(parameters(decoder) / 1e6).toBeCloseTo(1.07, 2);
  });

  it('FacialEncoder 105,772,288 and ProjPlus 33,581,568 parameters', () => {
    const config = facialEncoderConfig({});
    const encoder =
      parameters(visualProjectionGraph(weights, config, { regions: 5, patches: 257 })) + parameters(fuseGraph(weights, config));
    expect(encoder).toBe(105_772_288);
    expect(parameters(identityProjectionGraph(weights, identityProjectionConfig({}), { patches: 257 }))).toBe(33_581_568);
  });

  it('SCRFD-10G with landmarks: 4.23 M parameters, 10 GMAC at 640 × 480', () => {
    const graph = faceDetectionGraph(weights, scrfdConfig({}));
    expect(parameters(graph) / 1e6).toBeCloseTo(4.23, 1);
    expect((billions(graph) * 480) / 640).toBeCloseTo(10, 1);
  });

  it('the autoencoder decodes 512 × 512 in 1,257 GMAC', () => {
    const config = autoencoderConfig({ block_out_channels: [128, 256, 512, 512], layers_per_block: 2 });
    expect(billions(vaeDecoderGraph(weights, config, { height: 64, width: 64 }))).toBeCloseTo(1257, -1);
  });
});
