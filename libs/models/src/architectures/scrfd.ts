/**
 * Face detector SCRFD-10G with landmarks: deepinsight/insightface 7fadd42, detection/scrfd/configs/scrfd/scrfd_10g_bnkps.py: a ResNet
 * of the V1e kind, a path aggregation network and a head per stride. Published packs bring it as ONNX; this is for weights by rule.
 */
import { op, type Scope, type Tensor } from '@likeness/graph';
import { batchNorm, conv } from '../layers/basic.ts';

const depths = [3, 4, 2, 3] as const;
const widths = [56, 88, 88, 224] as const;
const neckWidth = 56;
const headWidth = 80;
const headDepth = 3;
/** Per cell. */
const anchors = 2;

/** Pixels between the cells of each of the three levels. */
const strides = [8, 16, 32] as const;

/**
 * image [1, 3, H, W] in −1 … 1, both sides multiples of 32 → per stride s, with n = 2·(H/s)·(W/s): `score_s` [n, 1] in 0 … 1,
 * `bbox_s` [n, 4] and `kps_s` [n, 10] as distances in strides.
 */
export function scrfd(s: Scope, image: Tensor): Record<string, Tensor> {
  const features = backbone(s.at('backbone'), image);
  const levels = neck(s.at('neck'), features);
  const found = levels.map((x, i) => head(s.at('bbox_head'), x, strides[i]!));
  const named = (kind: 'score' | 'bbox' | 'kps') => found.map((level, i) => [`${kind}_${strides[i]}`, level[kind]] as const);
  return Object.fromEntries([...named('score'), ...named('bbox'), ...named('kps')]);
}

/** At an eighth, a sixteenth and a thirty-second of the size. */
function backbone(s: Scope, x: Tensor): [Tensor, Tensor, Tensor] {
  const stem = s.at('stem');
  x = convNorm(stem.at(0), stem.at(1), x, widths[0] / 2, { stride: 2 }); // [1, 28, H/2, W/2]
  x = convNorm(stem.at(3), stem.at(4), x, widths[0] / 2);
  x = convNorm(stem.at(6), stem.at(7), x, widths[0]);
  x = op.maxPool2d(x, 3, { stride: 2, padding: 1 }); // [1, 56, H/4, W/4]
  const stages = depths.map((depth, stage) => {
    for (let i = 0; i < depth; i++) x = block(s.at(`layer${stage + 1}`, i), x, widths[stage]!, i === 0 && stage > 0 ? 2 : 1);
    return x;
  });
  return stages.slice(1) as [Tensor, Tensor, Tensor];
}

/** The shortcut is averaged before it is projected. */
function block(s: Scope, x: Tensor, width: number, stride: number): Tensor {
  const h = convNorm(s.at('conv1'), s.at('bn1'), x, width, { stride });
  const out = batchNorm(s.at('bn2'), conv(s.at('conv2'), h, width, 3, { bias: false }));
  if (stride === 1 && x.dims[1] === width) return op.relu(op.add(out, x));
  const pooled = stride === 1 ? x : op.averagePool2d(x, stride);
  const shortcut = batchNorm(s.at('downsample', 2), conv(s.at('downsample', 1), pooled, width, 1, { bias: false }));
  return op.relu(op.add(out, shortcut));
}

/** Top-down, then bottom-up: [1, 56, H/s, W/s] per stride. */
function neck(s: Scope, features: readonly [Tensor, Tensor, Tensor]): Tensor[] {
  const at = (part: string, i: number) => s.at(part, i, 'conv');
  const [small, middle, large] = features.map((x, i) => conv(at('lateral_convs', i), x, neckWidth, 1)) as [Tensor, Tensor, Tensor];
  const down1 = op.add(middle, sizedAs(large, middle));
  const down0 = op.add(small, sizedAs(down1, small));
  const [p0, p1, p2] = [down0, down1, large].map((x, i) => conv(at('fpn_convs', i), x, neckWidth, 3)) as [Tensor, Tensor, Tensor];
  const up1 = op.add(p1, conv(at('downsample_convs', 0), p0, neckWidth, 3, { stride: 2 }));
  const up2 = op.add(p2, conv(at('downsample_convs', 1), up1, neckWidth, 3, { stride: 2 }));
  return [p0, ...[up1, up2].map((x, i) => conv(at('pafpn_convs', i), x, neckWidth, 3))];
}

/** Towers and outputs of one stride. */
function head(s: Scope, x: Tensor, stride: number): Record<'score' | 'bbox' | 'kps', Tensor> {
  const key = `(${stride}, ${stride})`;
  for (let i = 0; i < headDepth; i++) {
    const layer = s.at('cls_stride_convs', key, i);
    x = convNorm(layer.at('conv'), layer.at('bn'), x, headWidth);
  }
  const rows = (name: string, values: number) => {
    const y = conv(s.at(name, key), x, anchors * values, 3); // [1, 2·values, h, w]
    return op.reshape(op.transpose(y, [0, 2, 3, 1]), [-1, values]); // [n, values]
  };
  return { score: op.sigmoid(rows('stride_cls', 1)), bbox: rows('stride_reg', 4), kps: rows('stride_kps', 10) };
}

const convNorm = (at: Scope, norm: Scope, x: Tensor, width: number, { stride = 1 } = {}): Tensor =>
  op.relu(batchNorm(norm, conv(at, x, width, 3, { stride, bias: false })));

const sizedAs = (x: Tensor, like: Tensor): Tensor => op.resizeNearest(x, like.dims[2]!, like.dims[3]!);
