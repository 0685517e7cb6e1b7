/** Whole-picture operations that styles are made of. All of them work in linear light on the planes of a canvas. */
import { planes, type Canvas } from '../canvas/canvas.ts';
import { clamp, luminance } from '../canvas/colour.ts';
import { boxBlur } from '../canvas/mask.ts';
import { labels } from '../labels.ts';

export function luminances({ red, green, blue }: Canvas): Float32Array {
  return red.map((r, i) => luminance(r, green[i]!, blue[i]!));
}

/** Two boxes of `radius` pixels. */
export const blurred = (plane: Float32Array, side: number, radius: number): Float32Array => means(means(plane, side, radius), side, radius);

/** The mean of a square around every pixel. */
function means(plane: Float32Array, side: number, radius: number): Float32Array {
  const out = plane.slice();
  boxBlur(out, side, side, radius);
  return out;
}

/** A copy of the picture's colours, to read from while it is repainted. */
export const copyOf = (canvas: Canvas): Record<(typeof planes)[number], Float32Array> => ({
  red: canvas.red.slice(),
  green: canvas.green.slice(),
  blue: canvas.blue.slice(),
});

/** Sends every pixel's colour through `map`, which changes `colour` and knows the pixel and its place in the frame. */
export function mapPixels({ side, red, green, blue }: Canvas, map: (colour: Float32Array, i: number, x: number, y: number) => void): void {
  const colour = new Float32Array(3);
  for (let i = 0; i < red.length; i++) {
    colour[0] = red[i]!;
    colour[1] = green[i]!;
    colour[2] = blue[i]!;
    map(colour, i, (i % side) / side, Math.floor(i / side) / side);
    red[i] = colour[0];
    green[i] = colour[1];
    blue[i] = colour[2];
  }
}

export function saturate(colour: Float32Array, amount: number): void {
  const grey = luminance(colour[0]!, colour[1]!, colour[2]!);
  for (let k = 0; k < 3; k++) colour[k] = Math.max(0, grey + (colour[k]! - grey) * amount);
}

/** Kuwahara's filter: the mean of the calmest of four neighbouring squares. Flattens areas and keeps edges, as a brush does. */
export function kuwahara(canvas: Canvas, radius: number): void {
  const { side } = canvas;
  const grey = luminances(canvas);
  const mean = means(grey, side, radius);
  const squares = grey.map((x) => x * x);
  const square = means(squares, side, radius);
  const colours = planes.map((plane) => means(canvas[plane], side, radius));
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      let best = 0;
      let least = Infinity;
      for (let corner = 0; corner < 4; corner++) {
        const cx = clamp(x + (corner & 1 ? radius : -radius), 0, side - 1);
        const cy = clamp(y + (corner & 2 ? radius : -radius), 0, side - 1);
        const at = cy * side + cx;
        const variance = square[at]! - mean[at]! * mean[at]!;
        if (variance < least) {
          least = variance;
          best = at;
        }
      }
      planes.forEach((plane, k) => (canvas[plane][y * side + x] = colours[k]![best]!));
    }
}

/** 1 where two labels meet within `reach` pixels, 0 elsewhere. `merge` tells which labels count as one. */
export function outlines(canvas: Canvas, reach: number, merge: (label: number) => number = (label) => label): Float32Array {
  const { side, labels: map } = canvas;
  const out = new Float32Array(side * side);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const own = merge(map[y * side + x]!);
      for (let k = 1; k <= reach; k++) {
        const right = merge(map[y * side + Math.min(side - 1, x + k)]!);
        const below = merge(map[Math.min(side - 1, y + k) * side + x]!);
        if (right !== own || below !== own) out[y * side + x] = 1;
      }
    }
  return out;
}

/** 1 on the person and what is worn, 0 behind. */
export const silhouette = (canvas: Canvas): Float32Array =>
  Float32Array.from(canvas.labels, (label) => (label === labels.background ? 0 : 1));

/** The mean luminance of the skin of the face: what a stencil cuts by. */
export function skinTone(canvas: Canvas, grey: Float32Array): number {
  let [sum, count] = [0, 0];
  canvas.labels.forEach((label, i) => {
    if (label !== labels.skin && label !== labels.nose) return;
    sum += grey[i]!;
    count++;
  });
  return count === 0 ? 0.3 : sum / count;
}
