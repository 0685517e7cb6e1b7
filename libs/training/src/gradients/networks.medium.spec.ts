import { Scope, type Graph, type Tensor, type WeightSource } from '@likeness/graph';
import { bool, elementCount, float32, int64, type Feeds } from '@likeness/inference';
import {
  architectures,
  autoencoderConfig,
  autoencoderOf,
  clipTextConfig,
  clipVisionConfig,
  facialEncoderConfig,
  identityProjectionConfig,
  unetConfig,
} from '@likeness/models';
import { expect, it } from 'vitest';
import { uniform, weightErrors } from '../testing/gradient-check.ts';

const drawn = (...dims: number[]) => float32(dims, uniform(elementCount(dims), dims.length));

interface Network {
  readonly given: Feeds;
  readonly build: (s: Scope, x: (name: string) => Tensor) => readonly Tensor[];
  /** Without corners, such as those of ReLU, which a step must seldom cross: there it is so short that rounding shows. */
  readonly smooth: boolean;
}

const clip = { hidden_size: 16, intermediate_size: 32, num_hidden_layers: 2, num_attention_heads: 2, projection_dim: 8 };
const unet = unetConfig({
  block_out_channels: [8, 16],
  layers_per_block: 1,
  down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D'],
  up_block_types: ['CrossAttnUpBlock2D', 'UpBlock2D'],
  attention_head_dim: 2,
  cross_attention_dim: 12,
  norm_num_groups: 4,
});
const autoencoder = {
  kl: autoencoderConfig({ block_out_channels: [8, 8], layers_per_block: 1, norm_num_groups: 4, latent_channels: 4 }),
  patches: autoencoderConfig({
    _class_name: 'AutoencoderPatch',
    latent_channels: 4,
    patch_size: 4,
    block_out_channels: [8, 8],
    upsample_factors: [2, 2],
    layers_per_block: 1,
    norm_num_groups: 4,
  }),
};

const networks: Record<string, Network> = {
  'the UNet with its adapter': {
    smooth: true,
    given: { sample: drawn(2, 4, 6, 6), t: float32([2], Float32Array.of(3, 700)), states: drawn(2, 7, 12) },
    build: (s, x) => {
      const scale = s.graph.floats([0.7], [1]);
      const adapter = { scope: s.at('adapter_modules'), config: { rank: 2, tokens: 2, lora_scale: 0.5 }, scale };
      const inputs = { sample: x('sample'), timestep: x('t'), encoderHiddenStates: x('states') };
      return [architectures.unet(s.at('unet'), inputs, unet, adapter).sample];
    },
  },
  'the text encoder': {
    smooth: true,
    given: { ids: int64([2, 6], [1, 5, 8, 2, 9, 0, 1, 3, 9, 4, 4, 4]) },
    build: (s, x) => {
      const file = { ...clip, vocab_size: 10, max_position_embeddings: 8, eos_token_id: 9, architectures: ['CLIPTextModelWithProjection'] };
      const { last_hidden_state: last, text_embeds: embeds } = architectures.clipText(s, x('ids'), clipTextConfig(file));
      return [last!, embeds!];
    },
  },
  'the image encoder': {
    smooth: true,
    given: { pixels: drawn(2, 3, 12, 12) },
    build: (s, x) =>
      Object.values(
        architectures.clipVision(s, x('pixels'), clipVisionConfig({ ...clip, image_size: 12, patch_size: 4, num_channels: 3 })),
      ),
  },
  'the facial encoder': {
    smooth: true,
    given: {
      text: drawn(2, 5, 8),
      features: drawn(2, 3, 4, 12),
      marked: bool([2, 5], [false, true, false, true, false, false, false, false, true, false]),
      valid: bool([2, 3], [true, false, true, true, false, false]),
    },
    build: (s, x) => {
      const config = facialEncoderConfig({
        embedding_dim: 12,
        output_dim: 8,
        embed_dim: 8,
        dim: 8,
        depth: 1,
        dim_head: 4,
        heads: 2,
        ff_mult: 2,
      });
      return [
        architectures.facialEncoder(s, { text: x('text'), features: x('features'), marked: x('marked'), valid: x('valid') }, config).fused,
      ];
    },
  },
  'the identity projection': {
    smooth: true,
    given: { face: drawn(2, 16), picture: drawn(2, 4, 12) },
    build: (s, x) => {
      const sizes = { cross_attention_dim: 8, id_embeddings_dim: 16, clip_embeddings_dim: 12, num_tokens: 2, depth: 1, dim_head: 4 };
      return [architectures.identityProjection(s, x('face'), x('picture'), identityProjectionConfig({ ...sizes, shortcut: true }))];
    },
  },
  'the autoencoder, back': {
    smooth: true,
    given: { latents: drawn(2, 4, 4, 4) },
    build: (s, x) => [autoencoderOf(autoencoder.kl).decode(s, x('latents'))],
  },
  'the autoencoder, there': {
    smooth: true,
    given: { pixels: drawn(2, 3, 8, 8) },
    build: (s, x) => Object.values(autoencoderOf(autoencoder.kl).encode(s, x('pixels'))),
  },
  'the autoencoder of patches': {
    smooth: true,
    given: { pixels: drawn(2, 3, 16, 16) },
    build: (s, x) => {
      const { encode, decode } = autoencoderOf(autoencoder.patches);
      return [decode(s, encode(s, x('pixels'))['mean']!)];
    },
  },
  'the parser': {
    smooth: false,
    given: { image: drawn(6, 3, 64, 64) },
    build: (s, x) => {
      const widths = [4, 4, 8, 8] as const;
      const config = {
        n_classes: 5,
        stem_width: 4,
        widths,
        layers: [1, 1, 1, 1] as const,
        context_width: 8,
        fusion_width: 8,
        head_width: 8,
      };
      return [architectures.bisenet(s, x('image'), config).logits];
    },
  },
  'the recogniser': {
    smooth: false,
    given: { image: drawn(6, 3, 32, 32) },
    build: (s, x) => [
      architectures.iresnet(s, x('image'), { stem_width: 4, stem_stride: 1, widths: [4, 4, 8, 8], layers: [1, 1, 1, 1], num_features: 6 }),
    ],
  },
  'the detector': {
    smooth: false,
    given: { image: drawn(3, 3, 64, 64) },
    build: (s, x) => {
      const sizes = { stem_width: 4, widths: [4, 4, 8, 8] as const, layers: [1, 1, 1, 1] as const, neck_width: 4, head_width: 4 };
      return Object.values(architectures.scrfd(s, x('image'), { ...sizes, head_layers: 1, anchors: 2 }));
    },
  },
};

it.each(Object.entries(networks))('the gradients of %s agree with differences', async (_, { given, build, smooth }) => {
  const network = (graph: Graph, source: WeightSource) => {
    const inputs = new Map(Object.entries(given).map(([name, { dtype, dims }]) => [name, graph.input(name, dtype, dims)]));
    return build(Scope.root(graph, source), (name) => inputs.get(name)!);
  };
  const errors = await weightErrors(network, given, smooth ? 1e-2 : 3e-4);
  expect(Object.keys(errors).length).toBeGreaterThan(10);
  const worst = Object.entries(errors).toSorted(([, a], [, b]) => b - a).slice(0, 3); // prettier-ignore
  expect(worst[0]![1], JSON.stringify(worst)).toBeLessThan(smooth ? 0.01 : 0.1);
});
