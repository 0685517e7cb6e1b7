/**
 * An autoencoder for small pictures: every patch by itself becomes one latent, by a linear map; the way back is another linear map plus
 * what a convolutional decoder adds to it. No reference has it; the parts are those of AutoencoderKL, and PixelShuffle (Shi et al. 2016).
 */
import { op, type Scope, type Tensor, type WeightSource } from '@likeness/graph';
import { conv } from '../layers/basic.ts';
import { resnetBlock } from '../layers/resnet-block.ts';

export interface AutoencoderPatchConfig {
  readonly _class_name: 'AutoencoderPatch';
  readonly in_channels: number;
  readonly out_channels: number;
  readonly latent_channels: number;
  /** Pixels of a patch, along a side. */
  readonly patch_size: number;
  /** Of the decoder's stages, from the latents on. */
  readonly block_out_channels: readonly number[];
  /** How much larger the pictures leave each stage; together the size of a patch. */
  readonly upsample_factors: readonly number[];
  readonly layers_per_block: number;
  readonly norm_num_groups: number;
}

export const patchDecoderIgnored = [/^encoder\./];
export const patchEncoderIgnored = [/^decoder\./];

/** pixels [B, 3, H, W] in −1…1 → mean [B, z, H/p, W/p], before the scaling. There is no variance. */
export const encodePatches = (s: Scope, pixels: Tensor, config: AutoencoderPatchConfig): { mean: Tensor } => ({
  mean: conv(s.at('encoder.conv'), pixels, config.latent_channels, config.patch_size, { stride: config.patch_size, padding: 0 }),
});

/** latents [B, z, h, w], already unscaled → sample [B, 3, h·p, w·p], not clamped. */
export function decodePatches(s: Scope, latents: Tensor, config: AutoencoderPatchConfig): Tensor {
  const { out_channels: colours, patch_size: patch, block_out_channels: widths, upsample_factors: factors } = config;
  const d = s.at('decoder');
  const patches = op.depthToSpace(conv(d.at('linear'), latents, colours * patch ** 2, 1), patch); // [B, 3, h·p, w·p]

  const norm = { groups: config.norm_num_groups, epsilon: 1e-6 };
  let x = conv(d.at('conv_in'), latents, widths[0]!, 3); // [B, C₀, h, w]
  for (const [i, width] of widths.entries()) {
    const block = d.at('up_blocks', i);
    for (let j = 0; j < config.layers_per_block; j++) x = resnetBlock(block.at('resnets', j), x, width, norm);
    const factor = factors[i]!;
    x = op.depthToSpace(conv(block.at('upsampler'), x, (widths[i + 1] ?? colours) * factor ** 2, 3), factor); // [B, Cᵢ₊₁, H·f, W·f]
  }
  return op.add(patches, conv(d.at('conv_out'), x, colours, 3)); // training begins with zeros in conv_out: with the linear map alone
}

/** A colour in −1…1 from the channels of a latent: Σ weights[c]·latent[c] + bias. */
export interface LatentColours {
  /** [z][3] */
  readonly weights: readonly (readonly number[])[];
  readonly bias: readonly number[];
}

/** The mean colour of a patch, by the linear map alone. */
export function patchColours(source: WeightSource, config: AutoencoderPatchConfig): LatentColours {
  const { out_channels: colours, patch_size, latent_channels: channels } = config;
  const area = patch_size ** 2;
  const weights = source.read('decoder.linear.weight', [colours * area, channels, 1, 1]);
  const bias = source.read('decoder.linear.bias', [colours * area]);
  const meanOf = (colour: number, at: (row: number) => number) =>
    Array.from({ length: area }, (_, i) => at(colour * area + i)).reduce((sum, x) => sum + x, 0) / area;
  const each = (at: (row: number) => number) => Array.from({ length: colours }, (_, colour) => meanOf(colour, at));
  return {
    weights: Array.from({ length: channels }, (_, c) => each((row) => weights[row * channels + c]!)),
    bias: each((row) => bias[row]!),
  };
}
