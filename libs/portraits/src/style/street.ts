/** Styles of the street: walls, spray and stencils. */
import type { Canvas } from '../canvas/canvas.ts';
import { clamp, hex, mix, smoothstep, type Rgb } from '../canvas/colour.ts';
import { fractal, noise2 } from '../canvas/noise.ts';
import { ellipse, polygon, rectangle, smooth, stroke, type Place } from '../canvas/path.ts';
import type { Random } from '../random.ts';
import { blurred, copyOf, kuwahara, luminances, mapPixels, outlines, saturate, silhouette, skinTone } from './filters.ts';

/** A wall painted over everything that is not the person. */
function wallBehind(canvas: Canvas, colour: (x: number, y: number) => Rgb, keep = 0): Float32Array {
  const person = silhouette(canvas);
  mapPixels(canvas, (out, i, x, y) => {
    if (person[i]! > 0.5) return;
    const wall = colour(x, y);
    for (let k = 0; k < 3; k++) out[k] = out[k]! * keep + wall[k as 0] * (1 - keep);
  });
  return person;
}

function drips(canvas: Canvas, random: Random, colour: Rgb, count: number, from: number): void {
  for (let i = 0; i < count; i++) {
    const [x, y] = [random.uniform(), from + random.uniform(-0.1, 0.1)];
    const long = random.uniform(0.06, 0.22);
    canvas.fill(stroke([x, y, x, y + long * 0.6, x, y + long], [0.009, 0.008, 0.012]), colour, { opacity: 0.85 });
  }
}

/** Black and grey stencil on a pale wall, and one thing in red. */
export function banksy(canvas: Canvas, random: Random): void {
  const seed = random.uniform(0, 90);
  const plaster = (x: number, y: number): Rgb => {
    const tone =
      0.62 + 0.1 * fractal(x * 5 + seed, y * 5) + 0.06 * noise2(x * 60, y * 60) - (fractal(x * 3 + seed, y * 9) > 0.42 ? 0.14 : 0);
    return [tone, tone * 0.98, tone * 0.93];
  };
  cutStencil(canvas, plaster, [0.012, 0.012, 0.014], [0.9, 0.9, 0.88]);
  const side = random.pick([-1, 1]);
  const [x, y] = [0.5 + side * 0.37, random.uniform(0.16, 0.24)];
  canvas.fill(
    stroke(
      smooth(
        [
          [x, y + 0.1],
          [x - side * 0.02, y + 0.28],
          [x + side * 0.015, y + 0.45],
          [x - side * 0.03, y + 0.66],
        ],
        false,
      ),
      [0.006, 0.006, 0.005],
    ),
    [0.02, 0.02, 0.02],
  );
  const heart: Place[] = [
    [x, y + 0.11],
    [x - 0.1, y + 0.0],
    [x - 0.085, y - 0.085],
    [x - 0.03, y - 0.085],
    [x, y - 0.045],
    [x + 0.03, y - 0.085],
    [x + 0.085, y - 0.085],
    [x + 0.1, y + 0.0],
  ];
  canvas.fill(smooth(heart, true, 5), hex('#d81420'));
  canvas.fill(ellipse(x - 0.05, y - 0.045, 0.018, 0.012, -0.6), [1, 0.75, 0.75], { opacity: 0.8 });
  drips(canvas, random, [0.03, 0.03, 0.03], 4, 0.86);
}

/** One stencil in black through which a bright wall shows. */
export function stencil(canvas: Canvas, random: Random): void {
  const paintwork = random.pick(['#f2c414', '#18a7a0', '#f06a1c', '#e8447c', '#58b43c'].map(hex));
  const seed = random.uniform(0, 90);
  const wall = (x: number, y: number): Rgb => mix(paintwork, [0.9, 0.9, 0.85], clamp(0.1 + 0.25 * fractal(x * 6 + seed, y * 6)));
  cutStencil(canvas, wall, [0.008, 0.008, 0.01], 'wall');
  drips(canvas, random, [0.01, 0.01, 0.012], 7, 0.84);
  for (let i = 0; i < 40; i++) {
    const r = random.uniform(0.002, 0.007);
    canvas.fill(ellipse(random.uniform(), random.uniform(), r, r, 0, 6), [0.02, 0.02, 0.02], { opacity: 0.7 });
  }
}

/** Dark parts in ink, light parts in `paper` or left as wall; halftones of grey when the paper is not the wall. Luminance is judged against the person's own skin. */
function cutStencil(canvas: Canvas, wall: (x: number, y: number) => Rgb, ink: Rgb, paper: Rgb | 'wall'): void {
  const { side } = canvas;
  const grey = luminances(canvas);
  const tone = skinTone(canvas, grey);
  const local = blurred(grey, side, Math.max(2, Math.round(side / 14)));
  const contour = outlines(canvas, Math.max(1, Math.round(side / 128)), (label) => (label === 10 ? 1 : label));
  const person = wallBehind(canvas, wall);
  const halo = blurred(person, side, Math.max(1, Math.round(side / 26)));
  mapPixels(canvas, (out, i, x, y) => {
    const back = wall(x, y);
    if (person[i]! < 0.5) {
      const spray = paper === 'wall' ? halo[i]! * 0.75 * (0.75 + 0.5 * noise2(x * 90, y * 90)) : 0;
      for (let k = 0; k < 3; k++) out[k] = back[k as 0] + (ink[k as 0] - back[k as 0]) * clamp(spray);
      return;
    }
    const value = 0.6 * (grey[i]! / tone) + 0.4 * (grey[i]! / Math.max(0.02, local[i]!));
    const light = smoothstep(0.72, 0.82, value);
    const half = smoothstep(0.4, 0.5, value);
    const base = paper === 'wall' ? back : paper;
    const middle: Rgb = paper === 'wall' ? ink : [0.16, 0.16, 0.17];
    const edge = contour[i]! * 0.85;
    for (let k = 0; k < 3; k++) {
      const dark = ink[k as 0] + (middle[k as 0] - ink[k as 0]) * half;
      const drawn = dark + (base[k as 0] - dark) * light;
      out[k] = drawn + (ink[0] - drawn) * edge;
    }
  });
}

const neon = ['#ff2a7a', '#18d8f0', '#f8e818', '#52e838', '#a838f0', '#ff7a18', '#2860f8'].map(hex);

/** Spray clouds, letters and drips on a wall; the person in loud colours with a black and a white outline. */
export function graffiti(canvas: Canvas, random: Random): void {
  const { side } = canvas;
  kuwahara(canvas, Math.max(1, Math.round(side / 64)));
  const person = silhouette(canvas);
  const figure = copyOf(canvas);
  const grey = luminances(canvas);
  const tone = skinTone(canvas, grey);
  canvas.fill(rectangle(0, 0, 1, 1), hex('#6a6d72'));
  for (let i = 0; i < 15; i++) {
    const r = random.uniform(0.1, 0.24);
    canvas.fill(ellipse(random.uniform(), random.uniform(), r, r * 0.8, 0, 24), random.pick(neon), { opacity: 0.85, soft: 0.03 });
  }
  for (let i = 0; i < 6; i++)
    letter(canvas, random, random.pick([0.1, 0.14, 0.86, 0.9]) + random.uniform(-0.06, 0.06), random.uniform(0.05, 0.9));
  drips(canvas, random, random.pick(neon), 6, 0.5);
  const [cool, warm] = random.pick([
    [neon[4]!, neon[2]!],
    [neon[6]!, neon[0]!],
    [neon[1]!, neon[5]!],
  ] as const);
  const near = blurred(person, side, Math.max(1, Math.round(side / 50)));
  const inside = outlines(canvas, Math.max(1, Math.round(side / 128)), (label) => (label === 10 ? 1 : label));
  mapPixels(canvas, (out, i) => {
    const around = near[i]!;
    if (person[i]! < 0.5) {
      const ring = around > 0.22 ? 0.008 : around > 0.04 ? 0.95 : -1;
      if (ring >= 0) for (let k = 0; k < 3; k++) out[k] = ring;
      return;
    }
    const step = Math.round(clamp((grey[i]! / tone) * 0.55) * 4) / 4;
    const wild = mix(cool, warm, step);
    out[0] = figure.red[i]!;
    out[1] = figure.green[i]!;
    out[2] = figure.blue[i]!;
    saturate(out, 1.9);
    for (let k = 0; k < 3; k++) {
      const loud = out[k]! * 0.62 * (0.6 + 0.7 * step) + wild[k as 0] * 0.38 * (0.35 + step);
      out[k] = inside[i]! > 0 ? 0.01 : loud;
    }
  });
}

/** A bulging letter that nobody can read. */
function letter(canvas: Canvas, random: Random, x: number, y: number): void {
  const points = Array.from({ length: 7 }, (_, i): Place => {
    const angle = (i * 2 * Math.PI) / 7;
    const r = random.uniform(0.06, 0.13);
    return [x + r * Math.cos(angle), y + r * Math.sin(angle)];
  });
  const outline = smooth(points, true, 5);
  canvas.fill(outline, [0.01, 0.01, 0.01], { soft: 0.008 });
  const inner = smooth(
    points.map(([px, py]): Place => [x + (px - x) * 0.8, y + (py - y) * 0.8]),
    true,
    5,
  );
  const [a, b] = [random.pick(neon), random.pick(neon)];
  canvas.fill(inner, (_px, py, out) => out.set(mix(a, b, clamp((py - y) / 0.2 + 0.5))));
  canvas.fill(ellipse(x - 0.03, y - 0.04, 0.02, 0.01, -0.5), [1, 1, 1], { opacity: 0.9 });
}

/** A large painting on bricks: facets of colour behind and over the person, the joints showing through. */
export function mural(canvas: Canvas, random: Random): void {
  const { side } = canvas;
  kuwahara(canvas, Math.max(1, Math.round(side / 80)));
  const palette = ['#f2b134', '#ed553b', '#3caea3', '#20639b', '#8e5bb5', '#f6d55c'].map(hex);
  const person = silhouette(canvas);
  const rays = 12;
  const [cx, cy, turn] = [0.5, 0.5, random.uniform(0, 1)];
  const shift = random.integer(6);
  const figure = copyOf(canvas);
  const bright = clamp(Math.sqrt(0.34 / skinTone(canvas, luminances(canvas))), 0.9, 1.8);
  for (let i = 0; i < rays; i++) {
    const [a, b] = [((i + turn) * 2 * Math.PI) / rays, ((i + 1 + turn) * 2 * Math.PI) / rays];
    canvas.fill(
      polygon([
        [cx, cy],
        [cx + Math.cos(a), cy + Math.sin(a)],
        [cx + Math.cos(b), cy + Math.sin(b)],
      ]),
      palette[(i + shift) % 6]!,
    );
  }
  const rows = 21;
  const seed = random.uniform(0, 90);
  mapPixels(canvas, (out, i, x, y) => {
    if (person[i]! > 0.5) {
      out[0] = figure.red[i]! * bright;
      out[1] = figure.green[i]! * bright;
      out[2] = figure.blue[i]! * bright;
      saturate(out, 1.35);
      const facet = palette[Math.floor((fractal(x * 3 + seed, y * 3) * 0.5 + 0.5) * 11.9) % 6]!;
      for (let k = 0; k < 3; k++) out[k] = (Math.floor(Math.sqrt(out[k]!) * 7 + 0.5) / 7) ** 2 * 0.93 + facet[k as 0] * 0.07;
    }
    const row = Math.floor(y * rows);
    const column = x * rows * 0.42 + (row % 2) * 0.5;
    const joint = column - Math.floor(column) < 0.05 || y * rows - row < 0.13;
    const brick = joint ? 0.62 : 0.9 + 0.16 * noise2(Math.floor(column) * 5.3, row * 7.7) + 0.08 * noise2(x * 80, y * 80);
    for (let k = 0; k < 3; k++) out[k]! *= brick;
  });
}
