/** The autoencoders, as the rest needs them: whichever a pack's configuration names by its `_class_name`. */
import type { Scope, Tensor, WeightSource } from '@likeness/graph';
import {
  autoencoderWeights,
  decode,
  decoderIgnored,
  encode,
  encoderIgnored,
  type AutoencoderKLConfig,
} from './architectures/autoencoder-kl.ts';
import {
  decodePatches,
  encodePatches,
  patchDecoderIgnored,
  patchEncoderIgnored,
  type AutoencoderPatchConfig,
  type LatentColours,
} from './architectures/autoencoder-patch.ts';

/** How the latents of the autoencoder, z, become those of the UNet: (z − latents_mean) · scaling_factor / latents_std, per channel. */
interface ScaleConfig {
  readonly scaling_factor: number;
  /** Null: zeros, and ones. */
  readonly latents_mean: readonly number[] | null;
  readonly latents_std: readonly number[] | null;
}

export type AutoencoderConfig = (AutoencoderKLConfig | AutoencoderPatchConfig) & ScaleConfig;

interface Autoencoder {
  /** Pixels per latent, along a side. */
  readonly factor: number;
  /** The weights under the names that are read. */
  readonly weights: (source: WeightSource) => WeightSource;
  /** latents [B, z, h, w], already unscaled → sample [B, 3, h·f, w·f], not clamped. */
  readonly decode: (s: Scope, latents: Tensor) => Tensor;
  /** pixels [B, 3, H, W] in −1…1 → mean, and logvar where there is one, [B, z, H/f, W/f], before the scaling. */
  readonly encode: (s: Scope, pixels: Tensor) => Record<string, Tensor>;
  /** Keys that only the other direction reads. */
  readonly ignored: { readonly decode: readonly RegExp[]; readonly encode: readonly RegExp[] };
}

export function autoencoderOf(config: AutoencoderConfig): Autoencoder {
  if (config._class_name === 'AutoencoderPatch')
    return {
      factor: config.patch_size,
      weights: (source) => source,
      decode: (s, latents) => decodePatches(s, latents, config),
      encode: (s, pixels) => encodePatches(s, pixels, config),
      ignored: { decode: patchDecoderIgnored, encode: patchEncoderIgnored },
    };
  return {
    factor: 2 ** (config.block_out_channels.length - 1),
    weights: autoencoderWeights,
    decode: (s, latents) => decode(s, latents, config),
    encode: (s, pixels) => ({ ...encode(s, pixels, config) }),
    ignored: { decode: decoderIgnored, encode: encoderIgnored },
  };
}

/** Per channel: the UNet's latents x are the autoencoder's x / divisor + mean. */
export interface LatentScale {
  readonly divisor: readonly number[];
  readonly mean: readonly number[];
}

export function latentScale(config: AutoencoderConfig): LatentScale {
  const { latent_channels: channels, scaling_factor, latents_mean, latents_std } = config;
  return {
    divisor: Array.from({ length: channels }, (_, c) => scaling_factor / (latents_std?.[c] ?? 1)),
    mean: latents_mean ?? new Array<number>(channels).fill(0),
  };
}

/** The colours of the autoencoder's latents as those of the UNet's. */
export const scaledColours = ({ weights, bias }: LatentColours, { divisor, mean }: LatentScale): LatentColours => ({
  weights: weights.map((colours, c) => colours.map((weight) => weight / divisor[c]!)),
  bias: bias.map((value, colour) => weights.reduce((sum, colours, c) => sum + colours[colour]! * mean[c]!, value)),
});
