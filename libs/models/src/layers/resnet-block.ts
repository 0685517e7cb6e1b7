import { op, type Scope, type Tensor } from '@likeness/graph';
import { conv, groupNorm, linear } from './basic.ts';

/** How the normalisation of a network's residual blocks is set. */
export interface BlockNorm {
  readonly groups: number;
  readonly epsilon: number;
}

/**
 * Residual block of the UNet and the autoencoder (huggingface/diffusers v0.23.0, models/resnet.ResnetBlock2D).
 * x [B, in, H, W] → [B, out, H, W]; `time` [B, T] is the embedding after its activation, absent in the autoencoder.
 */
export function resnetBlock(s: Scope, x: Tensor, out: number, { groups, epsilon }: BlockNorm, time?: Tensor): Tensor {
  let h = conv(s.at('conv1'), op.silu(groupNorm(s.at('norm1'), x, groups, epsilon)), out, 3);
  if (time) h = op.add(h, op.reshape(linear(s.at('time_emb_proj'), time, out), [-1, out, 1, 1]));
  h = conv(s.at('conv2'), op.silu(groupNorm(s.at('norm2'), h, groups, epsilon)), out, 3);
  const shortcut = x.dims[1] === out ? x : conv(s.at('conv_shortcut'), x, out, 1);
  return op.add(shortcut, h);
}

/** Resizes to the given size, twice the size as a rule, then a convolution (models/resnet.Upsample2D). */
export function upsample(s: Scope, x: Tensor, height: number, width: number): Tensor {
  return conv(s.at('conv'), op.resizeNearest(x, height, width), x.dims[1]!, 3);
}
