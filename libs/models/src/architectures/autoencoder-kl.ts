/** The latent autoencoder: huggingface/diffusers v0.23.0, models/autoencoder_kl.AutoencoderKL. */
import { op, renamed, type Scope, type Tensor, type WeightSource } from '@likeness/graph';
import { conv, groupNorm, linear } from '../layers/basic.ts';
import { resnetBlock, upsample, type BlockNorm } from '../layers/resnet-block.ts';

export interface AutoencoderKLConfig {
  readonly _class_name: 'AutoencoderKL';
  readonly in_channels: number;
  readonly out_channels: number;
  readonly latent_channels: number;
  readonly block_out_channels: readonly number[];
  readonly layers_per_block: number;
  readonly norm_num_groups: number;
}

export const decoderIgnored = [/^encoder\./, /^quant_conv\./];
export const encoderIgnored = [/^decoder\./, /^post_quant_conv\./];

const blockNorm = (config: AutoencoderKLConfig): BlockNorm => ({ groups: config.norm_num_groups, epsilon: 1e-6 });

/** latents [B, z, h, w], already divided by the scaling factor → sample [B, 3, h·f, w·f], not clamped. */
export function decode(s: Scope, latents: Tensor, config: AutoencoderKLConfig): Tensor {
  const norm = blockNorm(config);
  const widths = config.block_out_channels.toReversed();
  const d = s.at('decoder');
  let x = conv(s.at('post_quant_conv'), latents, config.latent_channels, 1);
  x = conv(d.at('conv_in'), x, widths[0]!, 3); // [B, C, h, w]
  x = midBlock(d.at('mid_block'), x, norm);
  for (const [i, width] of widths.entries()) {
    const block = d.at('up_blocks', i);
    for (let j = 0; j <= config.layers_per_block; j++) x = resnetBlock(block.at('resnets', j), x, width, norm);
    if (i < widths.length - 1) x = upsample(block.at('upsamplers', 0), x, x.dims[2]! * 2, x.dims[3]! * 2); // [B, width, 2H, 2W]
  }
  x = op.silu(groupNorm(d.at('conv_norm_out'), x, norm.groups, norm.epsilon));
  return conv(d.at('conv_out'), x, config.out_channels, 3); // [B, 3, h·f, w·f]
}

/** pixels [B, 3, H, W] in −1…1 → mean and logvar [B, z, H/f, W/f] of the latent distribution, before the scaling factor. */
export function encode(s: Scope, pixels: Tensor, config: AutoencoderKLConfig): { mean: Tensor; logvar: Tensor } {
  const norm = blockNorm(config);
  const widths = config.block_out_channels;
  const e = s.at('encoder');
  let x = conv(e.at('conv_in'), pixels, widths[0]!, 3); // [B, C, H, W]
  for (const [i, width] of widths.entries()) {
    const block = e.at('down_blocks', i);
    for (let j = 0; j < config.layers_per_block; j++) x = resnetBlock(block.at('resnets', j), x, width, norm);
    if (i < widths.length - 1) {
      const padded = op.pad2d(x, { right: 1, bottom: 1 });
      x = conv(block.at('downsamplers', 0, 'conv'), padded, width, 3, { stride: 2, padding: 0 }); // [B, width, H/2, W/2]
    }
  }
  x = midBlock(e.at('mid_block'), x, norm);
  x = op.silu(groupNorm(e.at('conv_norm_out'), x, norm.groups, norm.epsilon));
  x = conv(e.at('conv_out'), x, 2 * config.latent_channels, 3); // [B, 2z, H/f, W/f]
  const [mean, logvar] = op.chunk(conv(s.at('quant_conv'), x, 2 * config.latent_channels, 1), 2, 1) as [Tensor, Tensor];
  return { mean, logvar: op.clip(logvar, -30, 20) };
}

function midBlock(s: Scope, x: Tensor, norm: BlockNorm): Tensor {
  const width = x.dims[1]!;
  x = resnetBlock(s.at('resnets', 0), x, width, norm);
  x = pixelAttention(s.at('attentions', 0), x, norm);
  return resnetBlock(s.at('resnets', 1), x, width, norm);
}

/** One head over all pixels, with its own normalisation and a residual. */
function pixelAttention(s: Scope, x: Tensor, norm: BlockNorm): Tensor {
  const [b, c, h, w] = x.dims as [number, number, number, number];
  const normed = groupNorm(s.at('group_norm'), x, norm.groups, norm.epsilon);
  const pixels = op.transpose(op.reshape(normed, [b, c, h * w]), [0, 2, 1]); // [B, HW, C]
  const [q, k, v] = ['to_q', 'to_k', 'to_v'].map((name) => linear(s.at(name), pixels, c)) as [Tensor, Tensor, Tensor];
  const attended = linear(s.at('to_out', 0), op.attention(q, k, v, 1), c);
  return op.add(x, op.reshape(op.transpose(attended, [0, 2, 1]), [b, c, h, w])); // [B, C, H, W]
}

/** Names of the mid-block attention in files published before mid-2023. */
const olderNames: Readonly<Record<string, string>> = { query: 'to_q', key: 'to_k', value: 'to_v', proj_attn: 'to_out.0' };

/** The weights under today's names, whichever the file has. */
export function autoencoderWeights(source: WeightSource): WeightSource {
  const { keys } = source;
  if (!keys) return source;
  return renamed(source, keys, (key) =>
    key.replace(
      /(mid_block\.attentions\.0)\.(query|key|value|proj_attn)\./,
      (_, path: string, old: string) => `${path}.${olderNames[old]!}.`,
    ),
  );
}
