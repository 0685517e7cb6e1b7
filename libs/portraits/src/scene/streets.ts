/** Streets and houses, and what lies beyond the sky. */
import type { Canvas } from '../canvas/canvas.ts';
import { clamp, hex, mix, scale, type Rgb } from '../canvas/colour.ts';
import { fractal, noise2 } from '../canvas/noise.ts';
import { ellipse, polygon, rectangle, smooth } from '../canvas/path.ts';
import type { Random } from '../random.ts';
import { foliage, gradient, paint, rough, sky } from './strokes.ts';

export function cobblestones(canvas: Canvas, random: Random): void {
  gradient(canvas, hex('#bcd0de'), hex('#e8e6da'), 0, 0.5);
  const walls = ['#c99a6c', '#b8735a', '#d8c090', '#a88f80'].map(hex);
  for (const side of [-1, 1]) {
    const wall = random.pick(walls);
    const at = (depth: number) => 0.5 + side * (0.12 + 0.5 * depth);
    for (const [a, b, tall] of [
      [0, 0.4, 0.2],
      [0.4, 1, 0.02],
    ] as const) {
      canvas.fill(
        polygon([
          [at(a), tall + 0.12 * (1 - a)],
          [at(b), tall - 0.1],
          [at(b), 0.62 + 0.14 * b],
          [at(a), 0.56 + 0.1 * a],
        ]),
        scale(wall, b === 1 ? 1 : 0.75),
      );
    }
    for (const d of [0.2, 0.55, 0.8])
      for (const y of [0.2, 0.38]) canvas.fill(rectangle(at(d) - 0.022, y, at(d) + 0.022, y + 0.1), hex('#31404c'));
  }
  const seed = random.uniform(0, 90);
  canvas.fill(rectangle(0, 0.52, 1, 1), (x, y, out) => {
    // Rows of rounded stones that grow towards the viewer.
    const row = Math.log((y - 0.4) * 9) * 7.5;
    const r = Math.floor(row);
    const across = ((x - 0.5) / (y - 0.34)) * 4.6 + (r % 2) * 0.5;
    const c = Math.floor(across);
    const [fx, fy] = [across - c - 0.5, row - r - 0.5];
    const bulge = 1 - clamp((Math.abs(fx) ** 3 + Math.abs(fy) ** 3) * 7.5);
    const tone = (0.55 + 0.25 * noise2(c * 3.3 + seed, r * 5.1)) * (0.25 + 0.75 * bulge) * (1 - 0.5 * fy);
    out[0] = 0.42 * tone;
    out[1] = 0.41 * tone;
    out[2] = 0.43 * tone;
  });
}

export function city(canvas: Canvas, random: Random): void {
  sky(canvas, random, 0.75, '#5f9fd8', '#e9eef0');
  for (const [depth, tone] of [
    [0.35, 0.75],
    [1, 0.42],
  ] as const) {
    for (let x = random.uniform(-0.08, 0); x < 1;) {
      const w = random.uniform(0.08, 0.16);
      const top = random.uniform(0.06, 0.42) + (1 - depth) * 0.05;
      const glass = mix(random.pick(['#6a7f95', '#8a8f98', '#4f667f', '#a39887'].map(hex)), hex('#c8d8e4'), (1 - depth) * 0.6);
      canvas.fill(rectangle(x, top, x + w - 0.008, 0.85), scale(glass, tone + 0.35));
      canvas.fill(rectangle(x + w * 0.72, top, x + w - 0.008, 0.85), scale(glass, tone));
      for (let y = top + 0.02; y < 0.8; y += 0.036)
        for (let i = 0.012; i < w - 0.03; i += 0.026)
          canvas.fill(rectangle(x + i, y, x + i + 0.014, y + 0.02), random.chance(0.25) ? hex('#f6e6ae') : hex('#25384c'), {
            opacity: 0.85,
          });
      x += w;
    }
  }
  rough(canvas, random, hex('#5a5f66'), 0.85, 1, [9, 20], 0.1);
}

export function blueHouse(canvas: Canvas, random: Random): void {
  sky(canvas, random, 0.6, '#6fb0e4', '#e6f0f2');
  rough(canvas, random, hex('#5f9a45'), 0.68, 1, [20, 40], 0.25);
  const blue = hex('#1f5fc4');
  canvas.fill(rectangle(0.04, 0.26, 0.96, 0.76), (x, y, out) => {
    const board = (y * 22) % 1 < 0.14 ? 0.6 : 1;
    const tone = board * (0.92 + 0.12 * noise2(x * 30, Math.floor(y * 22) * 3));
    for (let k = 0; k < 3; k++) out[k] = blue[k as 0] * tone;
  });
  canvas.fill(
    polygon([
      [-0.04, 0.28],
      [0.5, -0.08],
      [1.04, 0.28],
    ]),
    scale(hex('#8c3a30'), 0.9),
  );
  canvas.fill(
    polygon([
      [0.1, 0.28],
      [0.5, 0.02],
      [0.9, 0.28],
    ]),
    blue,
  );
  for (const x of [0.1, 0.77]) {
    canvas.fill(rectangle(x - 0.015, 0.36, x + 0.145, 0.58), [0.95, 0.95, 0.93]);
    canvas.fill(rectangle(x, 0.375, x + 0.13, 0.565), hex('#9cc4dc'));
    canvas.fill(rectangle(x + 0.06, 0.375, x + 0.07, 0.565), [0.95, 0.95, 0.93]);
    canvas.fill(rectangle(x, 0.465, x + 0.13, 0.475), [0.95, 0.95, 0.93]);
  }
  for (const x of [0.05, 0.2, 0.8, 0.95]) foliage(canvas, random, x, 0.78, 0.09, hex('#3f7f3a'), 10);
}

export function night(canvas: Canvas, random: Random): void {
  gradient(canvas, hex('#0a0f2c'), hex('#33284e'));
  for (let x = -0.05; x < 1; x += 0.11) canvas.fill(rectangle(x, random.uniform(0.05, 0.4), x + 0.1, 1), hex('#0c0e1c'));
  const lamps = ['#ffcf6a', '#ff7a4a', '#6ac8ff', '#ff5aa8', '#8cff9a'].map(hex);
  for (let i = 0; i < 60; i++) {
    const r = random.uniform(0.008, 0.034);
    canvas.fill(ellipse(random.uniform(), random.uniform(0.08, 1), r, r, 0, 14), random.pick(lamps), {
      opacity: random.uniform(0.35, 0.9),
    });
  }
}

export function road(canvas: Canvas, random: Random): void {
  sky(canvas, random, 0.5, '#4f98dc', '#e4ecea');
  canvas.fill(
    smooth(
      [
        [-0.1, 0.46],
        [0.2, 0.4],
        [0.5, 0.45],
        [0.8, 0.38],
        [1.1, 0.45],
        [1.1, 0.6],
        [-0.1, 0.6],
      ],
      true,
    ),
    hex('#7a8a6a'),
  );
  rough(canvas, random, hex('#b8a468'), 0.5, 1, [20, 40], 0.2);
  canvas.fill(
    polygon([
      [0.42, 0.5],
      [0.58, 0.5],
      [1.25, 1],
      [-0.25, 1],
    ]),
    hex('#4a4c52'),
  );
  for (const [y, h] of [
    [0.53, 0.03],
    [0.6, 0.06],
    [0.72, 0.1],
    [0.88, 0.14],
  ] as const) {
    for (const s of [-1, 1])
      canvas.fill(
        polygon([
          [0.5 + s * (y - 0.42) * 0.8, y],
          [0.5 + s * (y - 0.4) * 0.8, y],
          [0.5 + s * (y + h - 0.4) * 0.8, y + h],
          [0.5 + s * (y + h - 0.43) * 0.8, y + h],
        ]),
        hex('#f2e6b0'),
      );
  }
}

export function space(canvas: Canvas, random: Random): void {
  const seed = random.uniform(0, 90);
  paint(canvas, (x, y, out) => {
    const cloud = Math.max(0, fractal(x * 3 + seed, y * 3)) * 0.12;
    out[0] = 0.004 + cloud * 0.8;
    out[1] = 0.005 + cloud * 0.35;
    out[2] = 0.016 + cloud;
  });
  for (let i = 0; i < 110; i++) {
    const r = random.uniform(0.002, 0.006);
    canvas.fill(ellipse(random.uniform(), random.uniform(), r, r, 0, 6), [1, 1, 0.95], { opacity: random.uniform(0.4, 1) });
  }
  const [x, y, r] = [random.pick([0.06, 0.94]), random.uniform(0.12, 0.3), random.uniform(0.13, 0.2)];
  canvas.fill(ellipse(x, y, r, r, 0, 40), (px, py, out) => {
    const land = fractal(px * 11 + seed, py * 11) > 0.12;
    const lit = clamp(0.9 - 0.9 * (((px - x) * (x < 0.5 ? -1 : 1)) / r) * 0.6 - (py - y) / r / 3);
    const c: Rgb = land ? [0.12, 0.4, 0.14] : [0.06, 0.24, 0.72];
    for (let k = 0; k < 3; k++) out[k] = c[k as 0] * lit * 1.3;
  });
}
