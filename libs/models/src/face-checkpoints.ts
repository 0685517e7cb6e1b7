/**
 * Configurations of the three face networks. Their files have none of their own: a checkpoint's follow from its tensors; those of
 * weights by rule, and of weights still to be trained, are written down, with the published networks' numbers for absent fields.
 */
import type { WeightSource } from '@likeness/graph';
import { z } from 'zod';
import type { BiSeNetConfig } from './architectures/bisenet.ts';
import type { IResNetConfig } from './architectures/iresnet.ts';
import { strideKey, scrfdStrides, type ScrfdConfig } from './architectures/scrfd.ts';
import { count, layersOf, parse, shapeOf } from './config-sources.ts';

const stages = z.tuple([count, count, count, count]);

const bisenetFile = z.object({
  n_classes: count.default(19),
  stem_width: count.default(64),
  widths: stages.default([64, 128, 256, 512]),
  layers: stages.default([2, 2, 2, 2]),
  context_width: count.default(128),
  fusion_width: count.multipleOf(4).default(256),
  head_width: count.default(256),
});

const iresnetFile = z.object({
  stem_width: count.default(64),
  stem_stride: z.literal([1, 2]).default(1),
  widths: stages.default([64, 128, 256, 512]),
  layers: stages,
  num_features: count.default(512),
});

/** SCRFD-10G with landmarks. */
const scrfdFile = z.object({
  stem_width: count.default(28),
  widths: stages.default([56, 88, 88, 224]),
  layers: stages.default([3, 4, 2, 3]),
  neck_width: count.default(56),
  head_width: count.default(80),
  head_layers: count.default(3),
  anchors: count.default(2),
});

export const bisenetConfig = (json: unknown): BiSeNetConfig => parse('BiSeNet', bisenetFile, json);
export const iresnetConfig = (json: unknown): IResNetConfig => parse('IResNet', iresnetFile, json);
export const scrfdConfig = (json: unknown): ScrfdConfig => parse('SCRFD', scrfdFile, json);

export function bisenetConfigOf(source: WeightSource): BiSeNetConfig {
  const width = widthIn(source);
  return {
    n_classes: width('conv_out.conv_out.weight'),
    stem_width: width('cp.resnet.conv1.weight'),
    ...stagesOf(source, 'cp.resnet'),
    context_width: width('cp.conv_avg.conv.weight'),
    fusion_width: width('ffm.convblk.conv.weight'),
    head_width: width('conv_out.conv.conv.weight'),
  };
}

export function iresnetConfigOf(source: WeightSource): IResNetConfig {
  const [num_features, inputs] = shapeOf(source, 'fc.weight', 2) as [number, number];
  const sizes = stagesOf(source, '');
  const places = inputs / sizes.widths[3]; // what four or five halvings leave of 112 × 112
  return { stem_width: widthIn(source)('conv1.weight'), stem_stride: places === 4 * 4 ? 2 : 1, ...sizes, num_features };
}

export function scrfdConfigOf(source: WeightSource): ScrfdConfig {
  const width = widthIn(source);
  const key = strideKey(scrfdStrides[0]);
  return {
    stem_width: width('backbone.stem.0.weight'),
    ...stagesOf(source, 'backbone'),
    neck_width: width('neck.fpn_convs.0.conv.weight'),
    head_width: width(`bbox_head.cls_stride_convs.${key}.0.conv.weight`),
    head_layers: layersOf(source, `bbox_head.cls_stride_convs.${key}`),
    anchors: width(`bbox_head.stride_cls.${key}.weight`),
  };
}

/** Output channels of a convolution. */
const widthIn =
  (source: WeightSource) =>
  (key: string): number =>
    shapeOf(source, key, 4)[0]!;

/** Widths and depths of the four stages of a ResNet. */
function stagesOf(source: WeightSource, prefix: string): Pick<IResNetConfig, 'widths' | 'layers'> {
  const each = <T>(read: (stage: string) => T) =>
    ([1, 2, 3, 4] as const).map((n) => read(`${prefix}${prefix && '.'}layer${n}`)) as [T, T, T, T];
  return { widths: each((stage) => widthIn(source)(`${stage}.0.conv1.weight`)), layers: each((stage) => layersOf(source, stage)) };
}
