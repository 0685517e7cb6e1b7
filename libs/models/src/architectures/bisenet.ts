/**
 * Face parsing into 19 classes: zllrunning/face-parsing.PyTorch d2e684c, model.BiSeNet over resnet.Resnet18. 13.3 M parameters.
 * Evaluation mode; the two auxiliary heads exist for training only.
 */
import { op, type Scope, type Tensor } from '@likeness/graph';
import { batchNorm, conv } from '../layers/basic.ts';

export interface BiSeNetConfig {
  readonly n_classes: number;
}

export const bisenetIgnored = [/\.num_batches_tracked$/, /^conv_out(16|32)\./];

/** image [B, 3, H, W], normalised → logits [B, classes, H, W] and labels uint8 [B, H, W], the lowest class of equals. */
export function bisenet(s: Scope, image: Tensor, { n_classes }: BiSeNetConfig): { logits: Tensor; labels: Tensor } {
  const [, , height, width] = image.dims as [number, number, number, number];
  const { spatial, context } = contextPath(s.at('cp'), image); // [B, 128, H/8, W/8] each
  let x = fusion(s.at('ffm'), op.concat([spatial, context], 1)); // [B, 256, H/8, W/8]
  x = convBlock(s.at('conv_out.conv'), x, 256, 3);
  x = conv(s.at('conv_out.conv_out'), x, n_classes, 1, { bias: false }); // [B, classes, H/8, W/8]
  const logits = op.resizeAlignCorners(x, height, width); // [B, classes, H, W]
  return { logits, labels: op.cast(op.argMax(logits, 1), 'uint8') };
}

function contextPath(s: Scope, image: Tensor): { spatial: Tensor; context: Tensor } {
  const [feat8, feat16, feat32] = resnet18(s.at('resnet'), image);
  const average = convBlock(s.at('conv_avg'), op.globalAveragePool(feat32), 128, 1); // [B, 128, 1, 1], spread over feat32 by the sum
  const sum32 = op.add(attentionRefinement(s.at('arm32'), feat32), average); // [B, 128, H/32, W/32]
  const up32 = convBlock(s.at('conv_head32'), sizedAs(sum32, feat16), 128, 3); // [B, 128, H/16, W/16]
  const sum16 = op.add(attentionRefinement(s.at('arm16'), feat16), up32);
  const up16 = convBlock(s.at('conv_head16'), sizedAs(sum16, feat8), 128, 3); // [B, 128, H/8, W/8]
  return { spatial: feat8, context: up16 };
}

/** Features at an eighth, a sixteenth and a thirty-second of the size: [B, 128 | 256 | 512, H/n, W/n]. */
function resnet18(s: Scope, image: Tensor): [Tensor, Tensor, Tensor] {
  let x = op.relu(batchNorm(s.at('bn1'), conv(s.at('conv1'), image, 64, 7, { stride: 2, bias: false }))); // [B, 64, H/2, W/2]
  x = op.maxPool2d(x, 3, { stride: 2, padding: 1 }); // [B, 64, H/4, W/4]
  x = residualLayer(s.at('layer1'), x, 64, 1);
  const feat8 = residualLayer(s.at('layer2'), x, 128, 2); // [B, 128, H/8, W/8]
  const feat16 = residualLayer(s.at('layer3'), feat8, 256, 2); // [B, 256, H/16, W/16]
  return [feat8, feat16, residualLayer(s.at('layer4'), feat16, 512, 2)]; // [B, 512, H/32, W/32]
}

const residualLayer = (s: Scope, x: Tensor, width: number, stride: number): Tensor =>
  residualBlock(s.at(1), residualBlock(s.at(0), x, width, stride), width, 1);

function residualBlock(s: Scope, x: Tensor, width: number, stride: number): Tensor {
  let h = op.relu(batchNorm(s.at('bn1'), conv(s.at('conv1'), x, width, 3, { stride, bias: false })));
  h = batchNorm(s.at('bn2'), conv(s.at('conv2'), h, width, 3, { bias: false }));
  const projected = x.dims[1] !== width || stride !== 1;
  const shortcut = projected ? batchNorm(s.at('downsample', 1), conv(s.at('downsample', 0), x, width, 1, { stride, bias: false })) : x;
  return op.relu(op.add(shortcut, h));
}

function attentionRefinement(s: Scope, x: Tensor): Tensor {
  const feature = convBlock(s.at('conv'), x, 128, 3);
  const weight = batchNorm(s.at('bn_atten'), conv(s.at('conv_atten'), op.globalAveragePool(feature), 128, 1, { bias: false }));
  return op.mul(feature, op.sigmoid(weight)); // [B, 128, H, W]
}

function fusion(s: Scope, x: Tensor): Tensor {
  const feature = convBlock(s.at('convblk'), x, 256, 1);
  const squeezed = op.relu(conv(s.at('conv1'), op.globalAveragePool(feature), 64, 1, { bias: false }));
  const weight = op.sigmoid(conv(s.at('conv2'), squeezed, 256, 1, { bias: false }));
  return op.add(op.mul(feature, weight), feature); // [B, 256, H, W]
}

/** Keys: conv.weight, bn.*. */
function convBlock(s: Scope, x: Tensor, width: number, kernel: number): Tensor {
  return op.relu(batchNorm(s.at('bn'), conv(s.at('conv'), x, width, kernel, { bias: false })));
}

/** Nearest enlargement to the exact size of the next feature map, which need not be twice the size. */
const sizedAs = (x: Tensor, like: Tensor): Tensor => op.resizeNearest(x, like.dims[2]!, like.dims[3]!);
