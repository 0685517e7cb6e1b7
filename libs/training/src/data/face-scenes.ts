/** Pictures with a face somewhere, or with none, for a detector to learn from. */
import type { Random } from '../random.ts';

/** A square picture [size, size, 3] and its label map [size, size]. */
export interface LabelledPicture {
  readonly size: number;
  readonly pixels: Uint8Array;
  readonly labels: Uint8Array;
}

/** Skin, brows, eyes, glasses, nose and mouth. */
const ofFace = new Set([1, 2, 3, 4, 5, 6, 10, 11, 12, 13]);

export type Box = readonly [left: number, top: number, right: number, bottom: number];

/** Around everything that is face, in pixels; undefined where nothing is. */
export function faceBox({ size, labels }: Pick<LabelledPicture, 'size' | 'labels'>): Box | undefined {
  const box = [size, size, 0, 0] as [number, number, number, number];
  for (const [i, label] of labels.entries()) {
    if (!ofFace.has(label)) continue;
    const [x, y] = [i % size, Math.floor(i / size)];
    box[0] = Math.min(box[0], x);
    box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], x + 1);
    box[3] = Math.max(box[3], y + 1);
  }
  return box[2] > box[0] ? box : undefined;
}

/** A similarity of the plane: x' = a·x − b·y + c, y' = b·x + a·y + d. */
export interface Similarity {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
}

/** Where the picture may lie in a frame of its own size: turned a little, smaller or a little larger, somewhere. */
export function anyPlace(size: number, random: Random): Similarity {
  const angle = random.uniform(-0.45, 0.45);
  const scale = random.uniform(0.42, 1.12);
  const [a, b] = [scale * Math.cos(angle), scale * Math.sin(angle)];
  const half = size / 2;
  const reach = half * (0.25 + 0.6 * Math.max(0, 1 - scale));
  const [x, y] = [half + random.uniform(-reach, reach), half + random.uniform(-reach, reach)];
  return { a, b, c: x - a * half + b * half, d: y - b * half - a * half };
}

export const moved = ({ a, b, c, d }: Similarity, x: number, y: number): [number, number] => [a * x - b * y + c, b * x + a * y + d];

/** The picture there, bilinear, on a ground of one colour: [size, size, 3]. */
export function placed(
  picture: Uint8Array,
  size: number,
  { a, b, c, d }: Similarity,
  ground: readonly [number, number, number],
): Uint8Array {
  const out = new Uint8Array(size * size * 3);
  const norm = a * a + b * b;
  for (let v = 0, o = 0; v < size; v++) {
    for (let u = 0; u < size; u++, o += 3) {
      const [p, q] = [u + 0.5 - c, v + 0.5 - d];
      const [x, y] = [(a * p + b * q) / norm - 0.5, (a * q - b * p) / norm - 0.5];
      if (x < 0 || y < 0 || x >= size - 1 || y >= size - 1) {
        out.set(ground, o);
        continue;
      }
      const [x0, y0] = [Math.trunc(x), Math.trunc(y)];
      const [fx, fy] = [x - x0, y - y0];
      const at = (y0 * size + x0) * 3;
      for (let k = 0; k < 3; k++) {
        const upper = picture[at + k]! * (1 - fx) + picture[at + 3 + k]! * fx;
        const lower = picture[at + size * 3 + k]! * (1 - fx) + picture[at + size * 3 + 3 + k]! * fx;
        out[o + k] = upper * (1 - fy) + lower * fy + 0.5;
      }
    }
  }
  return out;
}

/** The scene behind the person: every pixel of the person becomes the mirrored scene beside it, or the row above where none is. */
export function withoutPerson({ size, pixels, labels }: LabelledPicture): Uint8Array {
  const out = pixels.slice();
  for (let y = 0; y < size; y++) {
    const row = labels.subarray(y * size, (y + 1) * size);
    const [first, last] = [row.findIndex((label) => label !== 0), row.findLastIndex((label) => label !== 0)];
    for (let x = first; first >= 0 && x <= last; x++) {
      const [left, right] = [2 * first - 1 - x, 2 * last + 1 - x];
      const from = left >= 0 ? left : right < size ? right : undefined;
      const source = from === undefined ? Math.max(y - 1, 0) * size + x : y * size + from;
      out.copyWithin((y * size + x) * 3, source * 3, source * 3 + 3);
    }
  }
  return out;
}

/** The person with a face that is none: its blocks are in any order. */
export function shuffledFace({ size, pixels }: LabelledPicture, [left, top, right, bottom]: Box, random: Random, block = 6): Uint8Array {
  const out = pixels.slice();
  const places: [number, number][] = [];
  for (let y = top; y + block <= bottom; y += block) for (let x = left; x + block <= right; x += block) places.push([x, y]);
  for (const [x, y] of places) {
    const [fromX, fromY] = places[random.integer(places.length)]!;
    for (let j = 0; j < block; j++) {
      const from = ((fromY + j) * size + fromX) * 3;
      out.set(pixels.subarray(from, from + block * 3), ((y + j) * size + x) * 3);
    }
  }
  return out;
}
