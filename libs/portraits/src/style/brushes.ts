/** Styles that repaint the picture with strokes, dots or washes. */
import { planes, type Canvas } from '../canvas/canvas.ts';
import { clamp, hex, mix, scale, type Rgb } from '../canvas/colour.ts';
import { fractal, noise2 } from '../canvas/noise.ts';
import { ellipse, rectangle, stroke } from '../canvas/path.ts';
import { labels } from '../labels.ts';
import type { Random } from '../random.ts';
import { blurred, copyOf, kuwahara, luminances, mapPixels, saturate } from './filters.ts';

const PAPER = hex('#f4efe2');

/** Thick strokes that follow the forms, and behind the person a night sky that swirls. */
export function vanGogh(canvas: Canvas, random: Random): void {
  const { side } = canvas;
  const seed = random.uniform(0, 90);
  const [night, star] = [['#12296b', '#2a62b8', '#6fb0d8', '#0d1a48'].map(hex), hex('#f6d24a')];
  const suns = Array.from({ length: 5 }, () => [random.uniform(), random.uniform(0, 0.6), random.uniform(0.04, 0.08)] as const);
  mapPixels(canvas, (colour, i, x, y) => {
    saturate(colour, 1.5);
    if (canvas.labels[i] !== labels.background) return;
    const swirl = fractal(x * 4 + seed, y * 4);
    const base = night[Math.floor((swirl * 0.5 + 0.5) * 12) % 4]!;
    const glow = suns.reduce((sum, [sx, sy, r]) => sum + Math.exp(-(((Math.hypot(x - sx, y - sy) - r * 0.3) / r) ** 2)), 0);
    const sky = mix(base, star, clamp(glow));
    for (let k = 0; k < 3; k++) colour[k] = colour[k]! * 0.22 + sky[k as 0] * 0.78;
  });
  const grey = blurred(luminances(canvas), side, Math.max(1, Math.round(side / 64)));
  paintStrokes(canvas, random, {
    spacing: 0.0185,
    long: (person) => (person ? 0.034 : 0.062),
    wide: (person) => (person ? 0.013 : 0.019),
    angle: (x, y, i, person) => {
      if (!person) return fractal(x * 2.6 + seed, y * 2.6) * 5.5;
      const gx = grey[Math.min(i + 2, grey.length - 1)]! - grey[Math.max(0, i - 2)]!;
      const gy = grey[Math.min(i + 2 * side, grey.length - 1)]! - grey[Math.max(0, i - 2 * side)]!;
      return Math.atan2(gx, -gy) + 0.5 * noise2(x * 9, y * 9);
    },
    tone: () => random.uniform(0.72, 1.34),
  });
}

export function oilPainting(canvas: Canvas, random: Random): void {
  const { side } = canvas;
  kuwahara(canvas, Math.max(1, Math.round(side / 80)));
  const seed = random.uniform(0, 90);
  mapPixels(canvas, (colour, i, x, y) => {
    const bristle = 1 + 0.22 * noise2(x * 26 + y * 60 + seed, y * 14 - x * 30);
    const varnish = 1 - 0.55 * ((x - 0.5) ** 2 + (y - 0.5) ** 2);
    saturate(colour, 1.25);
    colour[0]! *= bristle * varnish * 1.04;
    colour[1]! *= bristle * varnish * 0.95;
    colour[2]! *= bristle * varnish * 0.76;
  });
}

export function pointillism(canvas: Canvas, random: Random): void {
  const source = copyOf(canvas);
  const { side } = canvas;
  canvas.fill(rectangle(0, 0, 1, 1), hex('#efe6cf'));
  for (const [spacing, radius] of [
    [0.018, 0.0105],
    [0.0135, 0.0068],
  ] as const)
    for (let y = 0; y < 1; y += spacing)
      for (let x = 0; x < 1; x += spacing) {
        const [px, py] = [x + random.uniform(0, spacing), y + random.uniform(0, spacing)];
        const i = Math.min(side - 1, Math.floor(py * side)) * side + Math.min(side - 1, Math.floor(px * side));
        const tilt = random.integer(3);
        const dot = planes.map((plane, k) => {
          const own = source[plane][i]! * (k === tilt ? 1.4 : 0.9);
          return clamp(own + (k === tilt ? 0.045 : 0.01));
        });
        canvas.fill(ellipse(px, py, radius * random.uniform(0.8, 1.15), radius, 0, 8), [dot[0]!, dot[1]!, dot[2]!]);
      }
}

export function watercolor(canvas: Canvas, random: Random): void {
  const { side } = canvas;
  kuwahara(canvas, Math.max(1, Math.round(side / 80)));
  const source = copyOf(canvas);
  const soft = planes.map((plane) => blurred(source[plane], side, Math.max(1, Math.round(side / 50))));
  const [sx, sy] = [random.uniform(0, 60), random.uniform(0, 60)];
  mapPixels(canvas, (colour, i, x, y) => {
    // Pigment runs to the edge of a wash, and the wash ends before the paper does.
    const ragged = 0.09 * fractal(x * 7 + sx, y * 7 + sy);
    const reach = Math.min(x, 1 - x, y + 0.04, 1.05 - y) + ragged;
    const away = canvas.labels[i] === labels.background ? 0.35 : 0.0;
    const wash = clamp(reach * 9) * (1 - away + 0.35 * fractal(x * 5 + sy, y * 5));
    const grain = 1 + 0.07 * noise2(x * 100, y * 100);
    saturate(colour, 1.3);
    for (let k = 0; k < 3; k++) {
      const edge = Math.max(0, soft[k]![i]! - source[planes[k]!][i]!);
      const pigment = Math.max(0.02, Math.sqrt(Math.max(0, colour[k]!)) * 0.84 + 0.18 - edge * 1.1) ** 1.8;
      colour[k] = clamp((PAPER[k as 0] + (pigment - PAPER[k as 0]) * clamp(wash)) * grain);
    }
  });
}

export function pencilSketch(canvas: Canvas, random: Random): void {
  const { side } = canvas;
  const grey = luminances(canvas).map((x) => Math.sqrt(Math.max(0, x)));
  const soft = blurred(grey, side, Math.max(1, Math.round(side / 40)));
  const seed = random.uniform(0, 90);
  mapPixels(canvas, (colour, i, x, y) => {
    const line = clamp(1 - (soft[i]! - grey[i]!) * 4.2);
    const hatch = 0.5 + 0.5 * Math.sin((x + y) * 240 + 3 * noise2(x * 14 + seed, y * 14));
    const away = canvas.labels[i] === labels.background ? 0.45 : 1;
    const shade = clamp((0.62 - grey[i]!) * 1.25) * away;
    const tone = clamp(line - shade * (0.3 + 0.55 * hatch)) * (0.95 + 0.05 * noise2(x * 110, y * 110));
    for (let k = 0; k < 3; k++) colour[k] = 0.02 + 0.84 * tone * tone * PAPER[k as 0];
  });
}

interface Brush {
  readonly spacing: number;
  readonly long: (person: boolean) => number;
  readonly wide: (person: boolean) => number;
  readonly angle: (x: number, y: number, pixel: number, person: boolean) => number;
  readonly tone: () => number;
}

function paintStrokes(canvas: Canvas, random: Random, { spacing, long, wide, angle, tone }: Brush): void {
  const { side } = canvas;
  const source = copyOf(canvas);
  const places: (readonly [number, number])[] = [];
  for (let y = 0; y < 1; y += spacing)
    for (let x = 0; x < 1; x += spacing) places.push([x + random.uniform(0, spacing), y + random.uniform(0, spacing)]);
  // In random order, so that no stroke always lies over its neighbour.
  for (let i = places.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [places[i], places[j]] = [places[j]!, places[i]!];
  }
  for (const [x, y] of places) {
    const i = Math.min(side - 1, Math.floor(y * side)) * side + Math.min(side - 1, Math.floor(x * side));
    const person = canvas.labels[i] !== labels.background;
    const a = angle(x, y, i, person);
    const [dx, dy] = [(Math.cos(a) * long(person)) / 2, (Math.sin(a) * long(person)) / 2];
    const bend = 0.2;
    const line = [x - dx, y - dy, x - dy * bend, y + dx * bend, x + dx, y + dy];
    const colour: Rgb = scale([source.red[i]!, source.green[i]!, source.blue[i]!], tone());
    const w = wide(person);
    canvas.fill(stroke(line, [w * 0.6, w, w * 0.4]), colour, { opacity: 0.92 });
  }
}
