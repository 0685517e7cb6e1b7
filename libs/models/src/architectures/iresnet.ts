/** ArcFace's backbone: deepinsight/insightface 7fadd42, recognition/arcface_torch/backbones/iresnet.IResNet. */
import { op, type Scope, type Tensor } from '@likeness/graph';
import { batchNorm, conv, linear } from '../layers/basic.ts';

type OfStages<T> = readonly [T, T, T, T];

export interface IResNetConfig {
  /** Channels of the first convolution. */
  readonly stem_width: number;
  /** Its stride: 1 in ArcFace's own; 2 halves the sides of every stage, which small networks on small faces do not miss. */
  readonly stem_stride: 1 | 2;
  /** Channels of the stages. */
  readonly widths: OfStages<number>;
  /** Blocks per stage: [3, 4, 14, 3] is iresnet50. */
  readonly layers: OfStages<number>;
  /** Of the embedding. */
  readonly num_features: number;
}

export const iresnetIgnored = [/\.num_batches_tracked$/];

/** image [B, 3, 112, 112] in −1…1 → embedding [B, num_features], not of unit length. */
export function iresnet(s: Scope, image: Tensor, { stem_width, stem_stride, widths, layers, num_features }: IResNetConfig): Tensor {
  let x = conv(s.at('conv1'), image, stem_width, 3, { stride: stem_stride, bias: false }); // [B, stem, H, W]
  x = prelu(s.at('prelu'), batchNorm(s.at('bn1'), x));
  for (const [stage, depth] of layers.entries()) {
    for (let i = 0; i < depth; i++) x = block(s.at(`layer${stage + 1}`, i), x, widths[stage]!, i === 0 ? 2 : 1); // [B, C, H/2, W/2]
  }
  x = op.reshape(batchNorm(s.at('bn2'), x), [image.dims[0]!, -1]); // [B, C·7·7], or C·4·4
  return batchNorm(s.at('features'), linear(s.at('fc'), x, num_features)); // [B, num_features]
}

function block(s: Scope, x: Tensor, width: number, stride: number): Tensor {
  let h = conv(s.at('conv1'), batchNorm(s.at('bn1'), x), width, 3, { bias: false });
  h = prelu(s.at('prelu'), batchNorm(s.at('bn2'), h));
  h = batchNorm(s.at('bn3'), conv(s.at('conv2'), h, width, 3, { stride, bias: false }));
  if (stride > 1) x = batchNorm(s.at('downsample', 1), conv(s.at('downsample', 0), x, width, 1, { stride, bias: false }));
  return op.add(h, x);
}

function prelu(s: Scope, x: Tensor): Tensor {
  const width = x.dims[1]!;
  return op.prelu(x, op.reshape(s.weight('weight', [width]), [width, 1, 1]));
}
