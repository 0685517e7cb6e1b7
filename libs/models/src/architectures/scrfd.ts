/**
 * Face detector SCRFD with landmarks: deepinsight/insightface 7fadd42, detection/scrfd/configs/scrfd/scrfd_10g_bnkps.py: a ResNet of the
 * V1e kind, a path aggregation network and a head per stride. Published packs bring it as ONNX; this is for weights of our own.
 */
import { op, type Scope, type Tensor } from '@likeness/graph';
import { batchNorm, conv } from '../layers/basic.ts';

type OfStages<T> = readonly [T, T, T, T];

export interface ScrfdConfig {
  /** Channels of the first two convolutions; the third has those of the first stage. */
  readonly stem_width: number;
  /** Channels of the backbone's stages, at a quarter, an eighth, a sixteenth and a thirty-second of the size. */
  readonly widths: OfStages<number>;
  /** Residual blocks of each. */
  readonly layers: OfStages<number>;
  readonly neck_width: number;
  /** Channels and number of the convolutions in each stride's head. */
  readonly head_width: number;
  readonly head_layers: number;
  /** Boxes that every cell may give. */
  readonly anchors: number;
}

export const scrfdIgnored = [/\.num_batches_tracked$/];

/** Pixels between the cells of each of the three levels. */
export const scrfdStrides = [8, 16, 32] as const;

/** As the keys of the heads have it. */
export const strideKey = (stride: number): string => `(${stride}, ${stride})`;

/**
 * image [1, 3, H, W] in −1 … 1, both sides multiples of 32 → per stride s, with n = anchors·(H/s)·(W/s): `score_s` [n, 1] in 0 … 1,
 * `bbox_s` [n, 4] and `kps_s` [n, 10] as distances in strides.
 */
export function scrfd(s: Scope, image: Tensor, config: ScrfdConfig): Record<string, Tensor> {
  const features = backbone(s.at('backbone'), image, config);
  const levels = neck(s.at('neck'), features, config.neck_width);
  const found = levels.map((x, i) => head(s.at('bbox_head'), x, scrfdStrides[i]!, config));
  const named = (kind: 'score' | 'bbox' | 'kps') => found.map((level, i) => [`${kind}_${scrfdStrides[i]}`, level[kind]] as const);
  return Object.fromEntries([...named('score'), ...named('bbox'), ...named('kps')]);
}

/** At an eighth, a sixteenth and a thirty-second of the size. */
function backbone(s: Scope, x: Tensor, { stem_width, widths, layers }: ScrfdConfig): [Tensor, Tensor, Tensor] {
  const stem = s.at('stem');
  x = convNorm(stem.at(0), stem.at(1), x, stem_width, { stride: 2 }); // [1, stem, H/2, W/2]
  x = convNorm(stem.at(3), stem.at(4), x, stem_width);
  x = convNorm(stem.at(6), stem.at(7), x, widths[0]);
  x = op.maxPool2d(x, 3, { stride: 2, padding: 1 }); // [1, C₀, H/4, W/4]
  const stages = layers.map((depth, stage) => {
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

/** Top-down, then bottom-up: [1, width, H/s, W/s] per stride. */
function neck(s: Scope, features: readonly [Tensor, Tensor, Tensor], width: number): Tensor[] {
  const at = (part: string, i: number) => s.at(part, i, 'conv');
  const [small, middle, large] = features.map((x, i) => conv(at('lateral_convs', i), x, width, 1)) as [Tensor, Tensor, Tensor];
  const down1 = op.add(middle, sizedAs(large, middle));
  const down0 = op.add(small, sizedAs(down1, small));
  const [p0, p1, p2] = [down0, down1, large].map((x, i) => conv(at('fpn_convs', i), x, width, 3)) as [Tensor, Tensor, Tensor];
  const up1 = op.add(p1, conv(at('downsample_convs', 0), p0, width, 3, { stride: 2 }));
  const up2 = op.add(p2, conv(at('downsample_convs', 1), up1, width, 3, { stride: 2 }));
  return [p0, ...[up1, up2].map((x, i) => conv(at('pafpn_convs', i), x, width, 3))];
}

/** Towers and outputs of one stride. */
function head(
  s: Scope,
  x: Tensor,
  stride: number,
  { head_width, head_layers, anchors }: ScrfdConfig,
): Record<'score' | 'bbox' | 'kps', Tensor> {
  const key = strideKey(stride);
  for (let i = 0; i < head_layers; i++) {
    const layer = s.at('cls_stride_convs', key, i);
    x = convNorm(layer.at('conv'), layer.at('bn'), x, head_width);
  }
  const rows = (name: string, values: number) => {
    const y = conv(s.at(name, key), x, anchors * values, 3); // [1, anchors·values, h, w]
    return op.reshape(op.transpose(y, [0, 2, 3, 1]), [-1, values]); // [n, values]
  };
  return { score: op.sigmoid(rows('stride_cls', 1)), bbox: rows('stride_reg', 4), kps: rows('stride_kps', 10) };
}

const convNorm = (at: Scope, norm: Scope, x: Tensor, width: number, { stride = 1 } = {}): Tensor =>
  op.relu(batchNorm(norm, conv(at, x, width, 3, { stride, bias: false })));

const sizedAs = (x: Tensor, like: Tensor): Tensor => op.resizeNearest(x, like.dims[2]!, like.dims[3]!);
