/** Landscapes. */
import type { Canvas } from '../canvas/canvas.ts';
import { hex, mix, scale, smoothstep, type Rgb } from '../canvas/colour.ts';
import { fractal, noise2 } from '../canvas/noise.ts';
import { ellipse, polygon, rectangle, smooth, type Place } from '../canvas/path.ts';
import type { Random } from '../random.ts';
import { rug } from './indoors.ts';
import { clouds, foliage, gradient, leaf, paint, rough, sky, trunkOfTree } from './strokes.ts';

export function jungle(canvas: Canvas, random: Random): void {
  gradient(canvas, hex('#2f5a24'), hex('#0f2a12'));
  const [dx, dy] = [random.uniform(0, 50), random.uniform(0, 50)];
  paint(canvas, (x, y, out) => {
    const beam = Math.max(0, fractal(x * 5 - y * 2 + dx, y * 0.7 + dy)) * 0.5;
    out[0]! += 0.5 * beam * (1 - y);
    out[1]! += 0.75 * beam * (1 - y);
    out[2]! += 0.2 * beam * (1 - y);
  });
  for (const x of [random.uniform(0.05, 0.2), random.uniform(0.8, 0.95)]) trunkOfTree(canvas, x, 0.07, 0, 1, hex('#4d3a22'));
  const greens = ['#2c6b26', '#4c9a33', '#1d4f24', '#6fb53c', '#387a2a'].map(hex);
  for (let i = 0; i < 60; i++) {
    const side = random.chance(0.5) ? -1 : 1;
    const x = 0.5 + side * random.uniform(0.12, 0.55);
    leaf(
      canvas,
      x,
      random.uniform(-0.05, 1.05),
      random.uniform(0.14, 0.3),
      random.uniform(0.02, 0.055),
      random.uniform(0, 6.28),
      scale(random.pick(greens), random.uniform(0.5, 1.25)),
    );
  }
}

export function snow(canvas: Canvas, random: Random): void {
  gradient(canvas, hex('#a9bfd6'), hex('#e6edf4'), 0, 0.62);
  for (let i = 0; i < 9; i++) {
    const x = random.uniform(0, 1);
    fir(canvas, x, random.uniform(0.56, 0.66), random.uniform(0.22, 0.5), hex('#33524c'));
  }
  rough(canvas, random, hex('#eef3fa'), 0.62, 1, [4, 9], 0.1);
  for (let i = 0; i < 120; i++) {
    const r = random.uniform(0.003, 0.011);
    canvas.fill(ellipse(random.uniform(), random.uniform(), r, r, 0, 8), [1, 1, 1], { opacity: random.uniform(0.6, 1) });
  }
}

function fir(canvas: Canvas, x: number, foot: number, tall: number, colour: Rgb): void {
  for (let i = 0; i < 4; i++) {
    const y = foot - tall * (0.12 + 0.22 * i);
    const w = tall * (0.3 - 0.055 * i);
    const tier: Place[] = [
      [x, y - tall * 0.34],
      [x + w, y],
      [x - w, y],
    ];
    canvas.fill(polygon(tier), scale(colour, 0.8 + 0.1 * i));
    canvas.fill(
      polygon([
        [x, y - tall * 0.34],
        [x + w * 0.75, y - tall * 0.09],
        [x - w * 0.1, y - tall * 0.16],
        [x - w * 0.75, y - tall * 0.09],
      ]),
      hex('#f4f8fc'),
      { opacity: 0.85 },
    );
  }
}

export function beach(canvas: Canvas, random: Random): void {
  const horizon = random.uniform(0.36, 0.46);
  sky(canvas, random, horizon, '#2f8fe0', '#c4e8f8');
  gradient(canvas, hex('#0f6fae'), hex('#3fc4c8'), horizon, 0.7);
  canvas.fill(rectangle(0, horizon, 1, 0.7), (x, y, out) => {
    const glitter = Math.max(0, noise2(x * 26, y * 140) - 0.45) * 1.1;
    for (let k = 0; k < 3; k++) out[k]! += glitter;
  });
  rough(canvas, random, hex('#ecd49c'), 0.68, 1, [40, 60], 0.12);
  canvas.fill(
    smooth(
      [
        [-0.1, 0.66],
        [0.25, 0.7],
        [0.5, 0.67],
        [0.8, 0.71],
        [1.1, 0.67],
        [1.1, 0.715],
        [0.8, 0.745],
        [0.5, 0.71],
        [0.25, 0.74],
        [-0.1, 0.71],
      ],
      true,
    ),
    [0.97, 1, 1],
    { soft: 0.006 },
  );
  const side = random.pick([0.06, 0.94]);
  palm(canvas, side, random);
}

function palm(canvas: Canvas, x: number, random: Random): void {
  const lean = x < 0.5 ? 0.08 : -0.08;
  canvas.fill(
    polygon([
      [x - 0.022, 0.8],
      [x + 0.022, 0.8],
      [x + lean + 0.012, 0.14],
      [x + lean - 0.012, 0.14],
    ]),
    hex('#7a5a38'),
  );
  for (let i = 0; i < 9; i++)
    leaf(
      canvas,
      x + lean,
      0.14,
      random.uniform(0.2, 0.3),
      0.028,
      -0.35 + (i * 3.85) / 8 - (i < 1 ? 0.4 : 0),
      scale(hex('#2f7d3a'), 0.7 + 0.08 * i),
    );
}
export function mountain(canvas: Canvas, random: Random): void {
  sky(canvas, random, 0.7, '#4a8fd8', '#dcebf2');
  const peak = random.pick([random.uniform(0.12, 0.24), random.uniform(0.76, 0.88)]);
  ridge(
    canvas,
    random,
    [
      [-0.1, 0.6],
      [peak - 0.2, 0.38],
      [peak, 0.09],
      [peak + 0.14, 0.26],
      [peak + 0.34, 0.46],
      [1.1, 0.56],
    ],
    hex('#5a6a80'),
    0.36,
  );
  const other = 1 - peak;
  ridge(
    canvas,
    random,
    [
      [-0.1, 0.62],
      [other - 0.22, 0.48],
      [other, 0.2],
      [other + 0.2, 0.42],
      [1.1, 0.62],
    ],
    hex('#6b7688'),
    0.4,
  );
  canvas.fill(
    smooth(
      [
        [-0.1, 0.6],
        [0.2, 0.56],
        [0.5, 0.62],
        [0.8, 0.55],
        [1.1, 0.6],
        [1.1, 0.9],
        [-0.1, 0.9],
      ],
      true,
    ),
    hex('#3f6a44'),
  );
  rough(canvas, random, hex('#5a8a3e'), 0.7, 1, [20, 50], 0.25);
}

function ridge(canvas: Canvas, random: Random, line: readonly Place[], rock: Rgb, snowline: number): void {
  const seed = random.uniform(0, 90);
  const outline = polygon([...line, [1.2, 0.75], [-0.2, 0.75]]);
  canvas.fill(outline, (x, y, out) => {
    const crag = fractal(x * 9 + seed, y * 6);
    const facet = 0.75 + 0.5 * fractal(x * 14 + y * 8 + seed, y * 3);
    const t = smoothstep(0.03, -0.05, y - snowline + 0.1 * crag);
    for (let k = 0; k < 3; k++) out[k] = (rock[k as 0] * (1 - t) + 0.9 * t) * facet;
  });
}

export function forest(canvas: Canvas, random: Random): void {
  gradient(canvas, hex('#9fc07a'), hex('#2f4a24'), 0, 0.75);
  rough(canvas, random, hex('#57622c'), 0.68, 1, [12, 30], 0.35);
  for (let i = 0; i < 11; i++) {
    const depth = i / 10;
    trunkOfTree(canvas, random.uniform(0, 1), 0.03 + 0.06 * depth, 0, 0.66 + 0.12 * depth, mix(hex('#8a9a70'), hex('#4a3522'), depth));
  }
  for (let i = 0; i < 8; i++)
    foliage(canvas, random, random.uniform(0, 1), random.uniform(-0.02, 0.16), 0.16, scale(hex('#4f8a34'), random.uniform(0.6, 1.2)), 12);
}

export function purpleRugInForest(canvas: Canvas, random: Random): void {
  forest(canvas, random);
  rug(canvas, random, hex('#6a2ca0'), random.uniform(0.54, 0.6));
}

export function sunset(canvas: Canvas, random: Random): void {
  const horizon = random.uniform(0.6, 0.7);
  gradient(canvas, hex('#3a3a7c'), hex('#f08a3a'), 0, horizon * 0.8);
  gradient(canvas, hex('#f08a3a'), hex('#ffd86a'), horizon * 0.8, horizon);
  clouds(canvas, random, horizon * 0.8, hex('#ff9a78'), 0.6);
  const x = random.pick([0.15, 0.85]);
  canvas.fill(ellipse(x, horizon - 0.1, 0.16), [1, 0.8, 0.4], { opacity: 0.35, soft: 0.05 });
  canvas.fill(ellipse(x, horizon - 0.1, 0.075), [1, 0.95, 0.7]);
  gradient(canvas, hex('#b0583e'), hex('#2a2848'), horizon, 1);
  canvas.fill(rectangle(0, horizon, 1, 1), (px, y, out) => {
    const shine = Math.exp(-(((px - x) / (0.05 + (y - horizon) * 0.3)) ** 2)) * Math.max(0, 0.5 + noise2(px * 18, y * 110));
    out[0]! += shine * 0.9;
    out[1]! += shine * 0.55;
    out[2]! += shine * 0.2;
  });
}

export function desert(canvas: Canvas, random: Random): void {
  gradient(canvas, hex('#4f9fe0'), hex('#f0dcb0'), 0, 0.55);
  for (let i = 0; i < 4; i++) {
    const y = 0.46 + 0.12 * i;
    const dune = smooth(
      [
        [-0.1, y + random.uniform(-0.05, 0.05)],
        [0.25, y + random.uniform(-0.08, 0.05)],
        [0.6, y + random.uniform(-0.06, 0.06)],
        [1.1, y + random.uniform(-0.08, 0.04)],
        [1.1, 1.1],
        [-0.1, 1.1],
      ],
      true,
    );
    canvas.fill(dune, mix(hex('#d89a58'), hex('#f2c684'), random.uniform()));
  }
  const x = random.pick([0.1, 0.9]);
  for (const [a, b, c, d] of [
    [-0.025, 0.3, 0.025, 0.78],
    [-0.09, 0.42, -0.055, 0.56],
    [-0.09, 0.53, 0, 0.57],
    [0.055, 0.38, 0.09, 0.5],
    [0, 0.47, 0.09, 0.51],
  ] as const)
    canvas.fill(rectangle(x + a, b, x + c, d), hex('#3f7a3e'));
}
export function garden(canvas: Canvas, random: Random): void {
  sky(canvas, random, 0.4);
  for (let x = 0; x < 1; x += 0.062) {
    canvas.fill(
      polygon([
        [x, 0.3],
        [x + 0.025, 0.26],
        [x + 0.05, 0.3],
        [x + 0.05, 0.66],
        [x, 0.66],
      ]),
      hex('#efe9dc'),
    );
  }
  canvas.fill(rectangle(0, 0.38, 1, 0.41), hex('#d8d0c0'));
  rough(canvas, random, hex('#5a9440'), 0.62, 1, [30, 40], 0.3);
  for (let i = 0; i < 9; i++)
    foliage(canvas, random, i / 8, random.uniform(0.58, 0.72), 0.1, scale(hex('#3f8a3a'), random.uniform(0.7, 1.2)), 8);
  const petals = ['#e8344a', '#f6d03a', '#f28ac0', '#f4f0f4', '#9a5ad0', '#f08030'].map(hex);
  for (let i = 0; i < 46; i++) {
    const [x, y, r] = [random.uniform(), random.uniform(0.52, 1), random.uniform(0.012, 0.024)];
    canvas.fill(ellipse(x, y, r, r, 0, 10), random.pick(petals));
    canvas.fill(ellipse(x, y, r * 0.4, r * 0.4, 0, 8), hex('#f8e070'));
  }
}

export function meadow(canvas: Canvas, random: Random): void {
  sky(canvas, random, 0.55);
  canvas.fill(
    smooth(
      [
        [-0.1, 0.5],
        [0.3, 0.44],
        [0.7, 0.52],
        [1.1, 0.46],
        [1.1, 1.1],
        [-0.1, 1.1],
      ],
      true,
    ),
    hex('#6fae48'),
  );
  rough(canvas, random, hex('#5f9f3c'), 0.62, 1, [30, 14], 0.3);
  foliage(canvas, random, random.pick([0.1, 0.9]), 0.38, 0.15, hex('#3f7f34'), 22);
}
