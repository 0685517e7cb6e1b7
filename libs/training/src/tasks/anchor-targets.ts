/** What the cells of a detector should answer to a picture. */
import { architectures } from '@likeness/models';
import type { Box } from '../data/face-scenes.ts';

const strides = architectures.scrfdStrides;

export interface FaceTarget {
  readonly box: Box;
  /** x and y of each. */
  readonly landmarks: readonly number[];
}

/** Side of the largest face, in pixels, that belongs to a stride. */
const largest: Readonly<Record<(typeof strides)[number], number>> = { 8: 28, 16: 72, 32: Infinity };

/** The middle part of a face, along each side, whose cells answer for it. */
const middle = 0.34;

export interface AnchorTargets {
  /** 1 where a face is to be reported: [N], N cells of all strides, of all pictures of a stride, row by row, anchor by anchor. */
  readonly scores: Float32Array;
  /** [N, 4] and [N, 10], in strides from the cell's centre, as SCRFD counts; 0 without a face. */
  readonly boxes: Float32Array;
  readonly points: Float32Array;
  /** [N]: a side of the face, in strides: what an error is measured by; 1 without a face. */
  readonly sides: Float32Array;
}

/** One face or none per square picture of `size` pixels. */
export function anchorTargets(faces: readonly (FaceTarget | undefined)[], size: number, anchors: number): AnchorTargets {
  const cells = strides.map((stride) => (size / stride) ** 2);
  const total = cells.reduce((sum, n) => sum + n, 0) * faces.length * anchors;
  const targets = {
    scores: new Float32Array(total),
    boxes: new Float32Array(total * 4),
    points: new Float32Array(total * 10),
    sides: new Float32Array(total).fill(1),
  };
  let start = 0;
  for (const [level, stride] of strides.entries()) {
    for (const [k, face] of faces.entries()) {
      if (!face || strideOf(face) !== stride) continue;
      for (const [column, row] of answering(face, stride, size / stride)) {
        const cell = start + (k * cells[level]! + row * (size / stride) + column) * anchors;
        for (let anchor = 0; anchor < anchors; anchor++) write(targets, cell + anchor, face, column * stride, row * stride, stride);
      }
    }
    start += faces.length * cells[level]! * anchors;
  }
  return targets;
}

const sideOf = ({ box: [left, top, right, bottom] }: FaceTarget): number => Math.max(right - left, bottom - top);
const strideOf = (face: FaceTarget): number => strides.find((stride) => sideOf(face) <= largest[stride])!;

/** The cells whose centres lie in the middle of the face; at least the one nearest to it. */
function answering({ box: [left, top, right, bottom] }: FaceTarget, stride: number, count: number): [column: number, row: number][] {
  const within = (low: number, high: number): number[] => {
    const [centre, reach] = [(low + high) / 2, (middle * (high - low)) / 2];
    const first = Math.max(0, Math.ceil((centre - reach) / stride));
    const last = Math.min(count - 1, Math.floor((centre + reach) / stride));
    if (first <= last) return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    return [Math.min(Math.max(Math.round(centre / stride), 0), count - 1)];
  };
  return within(top, bottom).flatMap((row) => within(left, right).map((column): [number, number] => [column, row]));
}

function write({ scores, boxes, points, sides }: AnchorTargets, at: number, face: FaceTarget, x: number, y: number, stride: number): void {
  const [left, top, right, bottom] = face.box;
  scores[at] = 1;
  sides[at] = sideOf(face) / stride;
  boxes.set(
    [x - left, y - top, right - x, bottom - y].map((distance) => distance / stride),
    4 * at,
  );
  points.set(face.landmarks.map((place, i) => (place - (i % 2 === 0 ? x : y)) / stride), 10 * at); // prettier-ignore
}
