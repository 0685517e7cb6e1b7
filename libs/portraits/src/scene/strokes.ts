/** What several places are made of: gradients, foliage, planks, clouds. */
import type { Canvas, Shader } from '../canvas/canvas.ts';
import { clamp, hex, scale, type Rgb } from '../canvas/colour.ts';
import { fractal, noise2 } from '../canvas/noise.ts';
import { ellipse, polygon, rectangle, smooth, type Place } from '../canvas/path.ts';
import type { Random } from '../random.ts';

const everything = rectangle(0, 0, 1, 1);

export const paint = (canvas: Canvas, shader: Shader): void => canvas.fill(everything, shader);

/** From top to bottom between two heights. */
export function gradient(canvas: Canvas, top: Rgb, bottom: Rgb, from = 0, to = 1): void {
  canvas.fill(rectangle(0, from, 1, to), (_x, y, out) => {
    const t = clamp((y - from) / (to - from));
    for (let k = 0; k < 3; k++) out[k] = top[k as 0] + (bottom[k as 0] - top[k as 0]) * t;
  });
}

export function clouds(canvas: Canvas, random: Random, horizon: number, colour: Rgb = [1, 1, 1], amount = 0.7): void {
  const [dx, dy] = [random.uniform(0, 50), random.uniform(0, 50)];
  canvas.fill(rectangle(0, 0, 1, horizon), (x, y, out) => {
    const a = clamp((fractal(x * 4 + dx, y * 9 + dy) - 0.02) * 2.2) * amount;
    for (let k = 0; k < 3; k++) out[k]! += (colour[k as 0] - out[k]!) * a;
  });
}

/** Blue above, pale at the horizon, with clouds. */
export function sky(canvas: Canvas, random: Random, horizon: number, top = '#3f86d0', low = '#cfe4f2'): void {
  gradient(canvas, hex(top), hex(low), 0, horizon);
  clouds(canvas, random, horizon);
}

/** A ground or wall whose colour wanders by noise. */
export function rough(
  canvas: Canvas,
  random: Random,
  colour: Rgb,
  from: number,
  to: number,
  grain: readonly [number, number],
  strength: number,
): void {
  const [dx, dy] = [random.uniform(0, 50), random.uniform(0, 50)];
  canvas.fill(rectangle(0, from, 1, to), (x, y, out) => {
    const tone = 1 + strength * fractal(x * grain[0] + dx, y * grain[1] + dy);
    for (let k = 0; k < 3; k++) out[k] = colour[k as 0] * tone;
  });
}

/** A leaf from its stem along a direction. */
export function leaf(canvas: Canvas, x: number, y: number, length: number, wide: number, angle: number, colour: Rgb): void {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const at = (along: number, across: number): Place => [x + along * c - across * s, y + along * s + across * c];
  const outline = smooth([at(0, 0), at(length * 0.35, wide), at(length, 0), at(length * 0.35, -wide)], true, 4);
  canvas.fill(outline, colour);
  canvas.fill(polygon([at(0, 0), at(length * 0.5, wide * 0.12), at(length, 0), at(length * 0.5, -wide * 0.12)]), scale(colour, 1.5), {
    opacity: 0.6,
  });
}

/** A crown of leaves from many blobs, lit from above. */
export function foliage(canvas: Canvas, random: Random, x: number, y: number, r: number, colour: Rgb, count = 16): void {
  for (let i = 0; i < count; i++) {
    const angle = random.uniform(0, 2 * Math.PI);
    const reach = r * Math.sqrt(random.uniform());
    const dy = Math.sin(angle) * reach;
    const tone = 0.75 - (0.55 * dy) / r + random.uniform(-0.15, 0.15);
    canvas.fill(
      ellipse(
        x + Math.cos(angle) * reach,
        y + dy * 0.85,
        r * random.uniform(0.2, 0.38),
        r * random.uniform(0.16, 0.3),
        random.uniform(0, 3),
        10,
      ),
      scale(colour, tone),
      { opacity: 0.9 },
    );
  }
}

export function trunkOfTree(canvas: Canvas, x: number, width: number, top: number, bottom: number, colour: Rgb): void {
  canvas.fill(
    polygon([
      [x - width * 0.35, top],
      [x + width * 0.35, top],
      [x + width * 0.6, bottom],
      [x - width * 0.6, bottom],
    ]),
    (px, py, out) => {
      const t = clamp((px - x) / width + 0.5);
      const tone = 0.5 + 0.7 * Math.sin(Math.PI * t) * (0.8 + 0.3 * noise2(px * 90, py * 14));
      for (let k = 0; k < 3; k++) out[k] = colour[k as 0] * tone;
    },
  );
}

/** Boards side by side; `at` turns a place into a coordinate across the boards and one along them. */
export const boards =
  (colour: Rgb, dark: Rgb, at: (x: number, y: number) => readonly [number, number], seed: number): Shader =>
  (x, y, out) => {
    const [across, along] = at(x, y);
    const board = Math.floor(across);
    const edge = Math.min(across - board, board + 1 - across);
    const own = 0.82 + 0.3 * Math.abs(noise2(board * 3.7 + seed, 0.5));
    const grain = 0.12 * noise2(across * 9 + board * 13, along * 1.2) + 0.08 * noise2(across * 30, along * 2 + board * 5);
    const seam = edge < 0.05 ? 0.35 : 1;
    const end =
      Math.abs(along * 0.35 + noise2(board * 9.1, 3) * 3 - Math.round(along * 0.35 + noise2(board * 9.1, 3) * 3)) < 0.012 ? 0.4 : 1;
    const t = clamp(own + grain);
    const tone = (own + grain) * Math.min(seam, end);
    for (let k = 0; k < 3; k++) out[k] = (dark[k as 0] + (colour[k as 0] - dark[k as 0]) * t) * tone;
  };

/** Bricks: running bond with mortar. */
export const bricks =
  (colour: Rgb, mortar: Rgb, rows: number, seed: number): Shader =>
  (x, y, out) => {
    const row = Math.floor(y * rows);
    const column = x * rows * 0.42 + (row % 2) * 0.5;
    const [fx, fy] = [column - Math.floor(column), y * rows - row];
    const joint = fx < 0.045 || fy < 0.11;
    const tone = 0.78 + 0.3 * noise2(Math.floor(column) * 5.3 + seed, row * 7.1) + 0.14 * noise2(x * 90, y * 90);
    const base = joint ? mortar : colour;
    for (let k = 0; k < 3; k++) out[k] = base[k as 0] * (joint ? 0.9 : tone);
  };
