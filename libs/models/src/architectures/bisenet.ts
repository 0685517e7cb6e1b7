/**
 * Face parsing into 19 classes: zllrunning/face-parsing.PyTorch d2e684c, model.BiSeNet over resnet.Resnet18. 13.3 M parameters as
 * published; widths and depths are free. Evaluation mode; the two auxiliary heads exist for training only.
 */
import { op, type Scope, type Tensor } from '@likeness/graph';
import { batchNorm, conv } from '../layers/basic.ts';

type OfStages<T> = readonly [T, T, T, T];

export interface BiSeNetConfig {
  readonly n_classes: number;
  /** Channels of the first convolution. */
  readonly stem_width: number;
  /** Channels of the backbone's stages, at a quarter, an eighth, a sixteenth and a thirty-second of the size. */
  readonly widths: OfStages<number>;
  /** Residual blocks of each: [2, 2, 2, 2] is resnet18. */
  readonly layers: OfStages<number>;
  /** Channels of the attention refinement and of all that is added to it. */
  readonly context_width: number;
  /** Channels of the feature fusion, a multiple of 4. */
  readonly fusion_width: number;
  /** Channels before the classes. */
  readonly head_width: number;
}

export const bisenetIgnored = [/\.num_batches_tracked$/, /^conv_out(16|32)\./];

/** image [B, 3, H, W], normalised → logits [B, classes, H, W] and labels uint8 [B, H, W], the lowest class of equals. */
export function bisenet(s: Scope, image: Tensor, config: BiSeNetConfig): { logits: Tensor; labels: Tensor } {
  const [, , height, width] = image.dims as [number, number, number, number];
  const logits = op.resizeAlignCorners(coarseLogits(s, image, config), height, width); // [B, classes, H, W]
  return { logits, labels: op.cast(op.argMax(logits, 1), 'uint8') };
}

/** The same before it is enlarged: image [B, 3, H, W] → logits [B, classes, H/8, W/8]. */
export function coarseLogits(s: Scope, image: Tensor, config: BiSeNetConfig): Tensor {
  const { spatial, context } = contextPath(s.at('cp'), image, config); // [B, C, H/8, W/8] each
  let x = fusion(s.at('ffm'), op.concat([spatial, context], 1), config.fusion_width); // [B, fusion, H/8, W/8]
  x = convBlock(s.at('conv_out.conv'), x, config.head_width, 3);
  return conv(s.at('conv_out.conv_out'), x, config.n_classes, 1, { bias: false });
}

function contextPath(s: Scope, image: Tensor, config: BiSeNetConfig): { spatial: Tensor; context: Tensor } {
  const width = config.context_width;
  const [feat8, feat16, feat32] = resnet(s.at('resnet'), image, config);
  const average = convBlock(s.at('conv_avg'), op.globalAveragePool(feat32), width, 1); // [B, C, 1, 1], spread over feat32 by the sum
  const sum32 = op.add(attentionRefinement(s.at('arm32'), feat32, width), average); // [B, C, H/32, W/32]
  const up32 = convBlock(s.at('conv_head32'), sizedAs(sum32, feat16), width, 3); // [B, C, H/16, W/16]
  const sum16 = op.add(attentionRefinement(s.at('arm16'), feat16, width), up32);
  const up16 = convBlock(s.at('conv_head16'), sizedAs(sum16, feat8), width, 3); // [B, C, H/8, W/8]
  return { spatial: feat8, context: up16 };
}

/** Features at an eighth, a sixteenth and a thirty-second of the size. */
function resnet(s: Scope, image: Tensor, { stem_width, widths, layers }: BiSeNetConfig): [Tensor, Tensor, Tensor] {
  let x = op.relu(batchNorm(s.at('bn1'), conv(s.at('conv1'), image, stem_width, 7, { stride: 2, bias: false }))); // [B, stem, H/2, W/2]
  x = op.maxPool2d(x, 3, { stride: 2, padding: 1 }); // [B, stem, H/4, W/4]
  const stages = widths.map((width, stage) => {
    for (let i = 0; i < layers[stage]!; i++) x = residualBlock(s.at(`layer${stage + 1}`, i), x, width, i === 0 && stage > 0 ? 2 : 1);
    return x;
  });
  return stages.slice(1) as [Tensor, Tensor, Tensor];
}

function residualBlock(s: Scope, x: Tensor, width: number, stride: number): Tensor {
  let h = op.relu(batchNorm(s.at('bn1'), conv(s.at('conv1'), x, width, 3, { stride, bias: false })));
  h = batchNorm(s.at('bn2'), conv(s.at('conv2'), h, width, 3, { bias: false }));
  const projected = x.dims[1] !== width || stride !== 1;
  const shortcut = projected ? batchNorm(s.at('downsample', 1), conv(s.at('downsample', 0), x, width, 1, { stride, bias: false })) : x;
  return op.relu(op.add(shortcut, h));
}

function attentionRefinement(s: Scope, x: Tensor, width: number): Tensor {
  const feature = convBlock(s.at('conv'), x, width, 3);
  const weight = batchNorm(s.at('bn_atten'), conv(s.at('conv_atten'), op.globalAveragePool(feature), width, 1, { bias: false }));
  return op.mul(feature, op.sigmoid(weight)); // [B, width, H, W]
}

function fusion(s: Scope, x: Tensor, width: number): Tensor {
  const feature = convBlock(s.at('convblk'), x, width, 1);
  const squeezed = op.relu(conv(s.at('conv1'), op.globalAveragePool(feature), width / 4, 1, { bias: false }));
  const weight = op.sigmoid(conv(s.at('conv2'), squeezed, width, 1, { bias: false }));
  return op.add(op.mul(feature, weight), feature); // [B, width, H, W]
}

/** Keys: conv.weight, bn.*. */
function convBlock(s: Scope, x: Tensor, width: number, kernel: number): Tensor {
  return op.relu(batchNorm(s.at('bn'), conv(s.at('conv'), x, width, kernel, { bias: false })));
}

/** Nearest enlargement to the exact size of the next feature map, which need not be twice the size. */
const sizedAs = (x: Tensor, like: Tensor): Tensor => op.resizeNearest(x, like.dims[2]!, like.dims[3]!);
