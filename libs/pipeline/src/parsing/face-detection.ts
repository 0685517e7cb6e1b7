/**
 * Around the face detector (SCRFD): picture → blob, outputs → faces.
 *
 * Reference: insightface 0.7.3 (668e8d47) `model_zoo/retinaface.py`, on OpenCV 5.0.
 */
import { PipelineError } from '../errors.ts';
import { swapRedBlue, type Picture } from '../image/picture.ts';
import { resizeOpenCv } from '../image/resize.ts';

/**
 * The library expects BGR. `reference`: ConsistentID's SD1.5 pipeline hands it RGB, so its networks see red and blue exchanged,
 * and so the published weights were used; `bgr`: corrected, as its SDXL pipeline and its training do.
 */
export type ChannelOrder = 'reference' | 'bgr';

/** What a network sees of an RGB picture; both networks read RGB. */
export const asSeen = (picture: Picture, order: ChannelOrder) => (order === 'reference' ? swapRedBlue(picture) : picture);

export interface DetectionInput {
  /** float32 [3, height, width] in −1 … 1; the picture lies at the top left, the rest is black. */
  readonly blob: Float32Array;
  readonly width: number;
  readonly height: number;
  /** Detector pixels per picture pixel. */
  readonly scale: number;
}

export interface DetectionInputOptions {
  /** Default 640 × 640. */
  readonly size?: readonly [width: number, height: number];
  readonly channelOrder: ChannelOrder;
  readonly mean?: number;
  readonly std?: number;
}

export function detectionInput(
  picture: Picture,
  { size = [640, 640], channelOrder, mean = 127.5, std = 128 }: DetectionInputOptions,
): DetectionInput {
  const [width, height] = size;
  const ratio = picture.height / picture.width;
  const isTall = ratio > height / width;
  const fitted = isTall ? { width: Math.trunc(height / ratio), height } : { width, height: Math.trunc(width * ratio) };
  if (fitted.width < 1 || fitted.height < 1) {
    const message = `A picture of ${picture.width}×${picture.height} pixels is too narrow for a detector of ${width}×${height}.`;
    throw new PipelineError('image_too_small', message, { width: picture.width, height: picture.height });
  }
  const seen = asSeen(resizeOpenCv(picture, fitted.width, fitted.height, 'linear'), channelOrder);
  const level = Float32Array.from({ length: 256 }, (_, v) => (v - mean) / std);
  const blob = new Float32Array(3 * width * height).fill(level[0]!); // [3, h, w]
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < fitted.height; y++) {
      const row = (c * height + y) * width;
      for (let x = 0; x < fitted.width; x++) blob[row + x] = level[seen.data[(y * fitted.width + x) * 3 + c]!]!;
    }
  }
  return { blob, width, height, scale: fitted.height / picture.height };
}

export interface Face {
  /** x1, y1, x2, y2 in picture pixels, not clipped to the picture. */
  readonly box: readonly [number, number, number, number];
  readonly score: number;
  /** Left eye, right eye, nose, left and right corner of the mouth (as seen): x, y each. */
  readonly landmarks: Float32Array;
}

export interface DetectionOutput {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

export interface DecodeOptions {
  readonly width: number;
  readonly height: number;
  readonly scale: number;
  readonly scoreThreshold?: number;
  /** Boxes that overlap a better one by more than this share go. */
  readonly overlapThreshold?: number;
  /** Of every cell; default: 2 with three strides, 1 with five, as insightface has them. */
  readonly anchors?: number;
}

/** The outputs of one stride, each flat. */
interface Level {
  readonly stride: number;
  readonly anchors: number;
  readonly scores: Float32Array;
  readonly boxes: Float32Array;
  readonly landmarks: Float32Array;
}

/** Faces by falling score; `outputs` in any order, with or without a batch axis of 1. Equal scores: in the order of strides, cells, anchors. */
export function decodeFaces(outputs: readonly DetectionOutput[], options: DecodeOptions): Face[] {
  const { width, scale, overlapThreshold = 0.4 } = options;
  const scoreThreshold = Math.fround(options.scoreThreshold ?? 0.5); // numpy compares in the scores' own float32: 0.7 itself stays
  const candidates: Face[] = [];
  for (const { stride, anchors, scores, boxes, landmarks } of levelsOf(outputs, options)) {
    const columns = Math.floor(width / stride);
    for (let i = 0; i < scores.length; i++) {
      if (!(scores[i]! >= scoreThreshold)) continue;
      const cell = Math.floor(i / anchors);
      const centre = [(cell % columns) * stride, Math.floor(cell / columns) * stride] as const; // the cell's corner, not its middle
      const at = (axis: 0 | 1, distance: number) => (centre[axis] + distance * stride) / scale;
      const [left, top, right, bottom] = boxes.subarray(4 * i, 4 * i + 4) as unknown as [number, number, number, number];
      candidates.push({
        box: [at(0, -left), at(1, -top), at(0, right), at(1, bottom)],
        score: scores[i]!,
        landmarks: landmarks.subarray(10 * i, 10 * i + 10).map((distance, k) => at((k % 2) as 0 | 1, distance)),
      });
    }
  }
  return withoutOverlaps(
    candidates.sort((a, b) => b.score - a.score),
    overlapThreshold,
  );
}

/** Which output is which follows from its last axis (1 score, 4 box, 10 landmarks) and, within a kind, from its length: the finest stride has most rows. */
function levelsOf(outputs: readonly DetectionOutput[], { width, height, anchors: known }: DecodeOptions): Level[] {
  const kind = (values: number) => {
    const found = outputs.filter(({ dims }) => dims.at(-1) === values).map(({ data }) => data);
    return found.sort((a, b) => b.length - a.length);
  };
  const [scores, boxes, landmarks] = [kind(1), kind(4), kind(10)];
  const strides = scores.length === 5 ? [8, 16, 32, 64, 128] : [8, 16, 32];
  const anchors = known ?? (strides.length === 5 ? 1 : 2);
  return strides.map((stride, k) => {
    const cells = Math.floor(width / stride) * Math.floor(height / stride);
    const rows = cells * anchors;
    const level = { stride, anchors, scores: scores[k], boxes: boxes[k], landmarks: landmarks[k] };
    if (level.scores?.length !== rows || level.boxes?.length !== 4 * rows || level.landmarks?.length !== 10 * rows) {
      const shapes = outputs.map(({ dims }) => `[${dims.join(', ')}]`).join(' ');
      throw new PipelineError('model_unusable', `The detector's outputs do not fit ${width}×${height} at stride ${stride}: ${shapes}`, {
        stride,
        rows,
      });
    }
    return level as Level;
  });
}

/** Non-maximum suppression; sides count their end pixels, so widths are x2 − x1 + 1. */
function withoutOverlaps(sorted: readonly Face[], threshold: number): Face[] {
  const area = ([x1, y1, x2, y2]: Face['box']) => (x2 - x1 + 1) * (y2 - y1 + 1);
  const kept: Face[] = [];
  for (const face of sorted) {
    const overlaps = kept.some(({ box }) => {
      const w = Math.max(0, Math.min(box[2], face.box[2]) - Math.max(box[0], face.box[0]) + 1);
      const h = Math.max(0, Math.min(box[3], face.box[3]) - Math.max(box[1], face.box[1]) + 1);
      return (w * h) / (area(box) + area(face.box) - w * h) > threshold;
    });
    if (!overlaps) kept.push(face);
  }
  return kept;
}
