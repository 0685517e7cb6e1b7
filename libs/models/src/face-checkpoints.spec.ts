import { hashWeights, type WeightError, type Graph, type WeightSource } from '@likeness/graph';
import { describe, expect, it } from 'vitest';
import { faceDetectionGraph, faceParsingGraph, faceRecognitionGraph } from './compile.ts';
import { bisenetConfig, bisenetConfigOf, iresnetConfig, iresnetConfigOf, scrfdConfig, scrfdConfigOf } from './face-checkpoints.ts';
import { zeros } from './testing/zeros.ts';

/** The tensors that a graph reads, as a checkpoint; batch normalisation's counters beside them, as torch writes them. */
function checkpointOf(graph: Graph, change: (shapes: Record<string, readonly number[]>) => void = () => {}): WeightSource {
  const shapes: Record<string, readonly number[]> = { 'bn1.num_batches_tracked': [] };
  for (const { name, dims, literal } of graph.constants.values()) if (!literal) shapes[name] = dims;
  change(shapes);
  return zeros(shapes);
}

const rule = hashWeights(1);
const bisenet = bisenetConfig({ stem_width: 16, widths: [16, 32, 64, 96], layers: [1, 2, 3, 1], context_width: 48, fusion_width: 64, head_width: 40 }); // prettier-ignore
const iresnet = iresnetConfig({ stem_width: 24, widths: [32, 64, 96, 128], layers: [1, 2, 2, 1], num_features: 128 });
const scrfd = scrfdConfig({ stem_width: 8, widths: [16, 24, 32, 40], layers: [1, 1, 2, 1], neck_width: 16, head_width: 12, head_layers: 2, anchors: 1 }); // prettier-ignore

const parsing = (weights: WeightSource, config = bisenetConfigOf(weights)) =>
  faceParsingGraph(weights, config, { height: 128, width: 128 });
const recognition = (weights: WeightSource, config = iresnetConfigOf(weights)) => faceRecognitionGraph(weights, config);
const detection = (weights: WeightSource, config = scrfdConfigOf(weights)) => faceDetectionGraph(weights, config, { size: 128 });

describe('a face network of any size', () => {
  it('is what its tensors say', () => {
    expect(bisenetConfigOf(checkpointOf(parsing(rule, bisenet)))).toEqual(bisenet);
    expect(iresnetConfigOf(checkpointOf(recognition(rule, iresnet)))).toEqual(iresnet);
    const halved = { ...iresnet, stem_stride: 2 } as const;
    expect(iresnetConfigOf(checkpointOf(recognition(rule, halved)))).toEqual(halved);
    expect(scrfdConfigOf(checkpointOf(detection(rule, scrfd)))).toEqual(scrfd);
  });

  it('has the outputs of its size', () => {
    expect(recognition(checkpointOf(recognition(rule, iresnet))).outputs).toMatchObject([{ name: 'embedding', dims: [1, 128] }]);
    const { outputs } = detection(checkpointOf(detection(rule, scrfd)));
    expect(outputs.map(({ name, dims }) => `${name} ${dims.join(' ')}`)).toEqual([
      'score_8 256 1', 'score_16 64 1', 'score_32 16 1', 'bbox_8 256 4', 'bbox_16 64 4', 'bbox_32 16 4', 'kps_8 256 10', 'kps_16 64 10', 'kps_32 16 10',
    ]); // prettier-ignore
    expect(parsing(checkpointOf(parsing(rule, bisenet))).outputs[0]).toMatchObject({ name: 'logits', dims: [1, 19, 128, 128] });
  });

  const removed = (key: string) => (shapes: Record<string, unknown>) => void delete shapes[key];
  const added = (key: string) => (shapes: Record<string, readonly number[]>) => void (shapes[key] = [3]);
  const wider = (key: string) => (shapes: Record<string, readonly number[]>) => void (shapes[key] = shapes[key]!.map((d) => d + 1));
  it.each<[string, () => Graph, WeightError['code'], RegExp]>([
    ['a parser that lacks one', () => parsing(checkpointOf(parsing(rule, bisenet), removed('ffm.conv1.weight'))), 'weight_missing', /"ffm\.conv1\.weight"/],
    ['a recogniser that lacks the one its width follows from', () => recognition(checkpointOf(recognition(rule, iresnet), removed('fc.weight'))), 'weight_missing', /"fc\.weight" of 2 dimensions is needed, found none/],
    ['a detector with one too many', () => detection(checkpointOf(detection(rule, scrfd), added('bbox_head.scales'))), 'weight_unused', /"bbox_head\.scales"/],
    ['a recogniser with a wrong shape', () => recognition(checkpointOf(recognition(rule, iresnet), wider('layer2.1.bn1.bias'))), 'weight_shape', /"layer2\.1\.bn1\.bias" is \[65\], the graph needs \[64\]/],
  ])('refuses the tensors of %s', (_, build, code, message) => {
    expect(build).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) as string }) as Error);
  }); // prettier-ignore
});
