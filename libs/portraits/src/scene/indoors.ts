/** Places under a roof, and surfaces seen from above. */
import type { Canvas } from '../canvas/canvas.ts';
import { clamp, hex, mix, scale, type Rgb } from '../canvas/colour.ts';
import { fractal, noise2 } from '../canvas/noise.ts';
import { ellipse, polygon, rectangle, smooth, stroke } from '../canvas/path.ts';
import type { Random } from '../random.ts';
import { boards, bricks, gradient, paint } from './strokes.ts';

export function studio(canvas: Canvas, random: Random, colour: Rgb): void {
  const [cx, cy] = [random.uniform(0.25, 0.75), random.uniform(0.2, 0.6)];
  const tint = mix(colour, [0.4, 0.4, 0.4], 0.25);
  const seed = random.uniform(0, 90);
  paint(canvas, (x, y, out) => {
    const glow = Math.exp(-3 * ((x - cx) ** 2 + (y - cy) ** 2));
    const tone = 0.4 + 0.75 * glow + 0.06 * fractal(x * 3 + seed, y * 3);
    for (let k = 0; k < 3; k++) out[k] = tint[k as 0] * tone;
  });
}

export function pinkFabric(canvas: Canvas, random: Random): void {
  const seed = random.uniform(0, 90);
  const turn = random.uniform(-0.6, 0.6);
  const [dark, light] = [hex('#c8437f'), hex('#ffb3d2')];
  paint(canvas, (x, y, out) => {
    const a = x * Math.cos(turn) + y * Math.sin(turn);
    const b = y * Math.cos(turn) - x * Math.sin(turn);
    const warp = fractal(x * 2 + seed, y * 2);
    const fold = Math.sin(a * 13 + warp * 5 + Math.sin(b * 4 + seed) * 1.4);
    const t = clamp(0.5 + 0.42 * fold + 0.2 * noise2(a * 9, b * 5 + seed));
    for (let k = 0; k < 3; k++) out[k] = dark[k as 0] + (light[k as 0] - dark[k as 0]) * t * t;
  });
}

export function woodenFloor(canvas: Canvas, random: Random): void {
  const turn = random.uniform(-0.25, 0.25);
  const wide = random.uniform(6, 8.5);
  const tone = random.uniform(0.8, 1.15);
  paint(
    canvas,
    boards(
      scale(hex('#b87a42'), tone),
      scale(hex('#7a4a24'), tone),
      (x, y) => [(x * Math.cos(turn) + y * Math.sin(turn)) * wide + 20, (y * Math.cos(turn) - x * Math.sin(turn)) * wide + 20],
      random.uniform(0, 90),
    ),
  );
}

export function kitchen(canvas: Canvas, random: Random): void {
  gradient(canvas, hex('#e6ddca'), hex('#cfc2aa'));
  const tile = random.pick(['#bcd6d4', '#dfe3d0', '#d5cbe0'].map(hex));
  canvas.fill(rectangle(0, 0.36, 1, 0.64), (x, y, out) => {
    const joint = (x * 12) % 1 < 0.07 || (y * 12) % 1 < 0.07;
    for (let k = 0; k < 3; k++)
      out[k] = tile[k as 0] * (joint ? 0.6 : 0.92 + 0.08 * noise2(Math.floor(x * 12) * 3, Math.floor(y * 12) * 5));
  });
  const wood = random.pick(['#8a5a32', '#6c7f78', '#9c6b45'].map(hex));
  for (const x of [0.0, 0.255, 0.51, 0.765]) {
    canvas.fill(rectangle(x + 0.008, 0, x + 0.247, 0.3), wood);
    canvas.fill(rectangle(x + 0.035, 0.025, x + 0.22, 0.27), scale(wood, 1.25));
    canvas.fill(ellipse(x + 0.215, 0.25, 0.012), hex('#d7d2c4'));
  }
  canvas.fill(rectangle(0, 0.3, 1, 0.33), scale(wood, 0.5));
  canvas.fill(rectangle(0, 0.63, 1, 0.68), hex('#efece4'));
  canvas.fill(rectangle(0, 0.68, 1, 1), scale(wood, 0.8));
  // Pans on a rail, jars on the counter.
  canvas.fill(rectangle(0, 0.395, 1, 0.408), hex('#5b5f66'));
  for (const x of [0.07, 0.17, 0.84, 0.93]) {
    canvas.fill(rectangle(x - 0.008, 0.4, x + 0.008, 0.47), hex('#2b2d31'));
    canvas.fill(ellipse(x, 0.51, 0.05), hex('#3b3f46'));
    canvas.fill(ellipse(x - 0.012, 0.5, 0.028), hex('#7b828c'));
  }
  for (const [x, c] of [
    [0.05, '#c23c2e'],
    [0.14, '#e0a83a'],
    [0.86, '#5b8a4a'],
    [0.95, '#c9783a'],
  ] as const) {
    canvas.fill(rectangle(x - 0.03, 0.575, x + 0.03, 0.635), hex(c));
    canvas.fill(rectangle(x - 0.03, 0.555, x + 0.03, 0.58), hex('#e8e2d2'));
  }
}

export function gym(canvas: Canvas, random: Random): void {
  gradient(canvas, hex('#3a4250'), hex('#59606c'), 0, 0.72);
  gradient(canvas, hex('#22252b'), hex('#34383f'), 0.72, 1);
  for (const x of [0.12, 0.5, 0.88]) canvas.fill(rectangle(x - 0.1, 0.05, x + 0.1, 0.075), [1, 1, 0.97], { soft: 0.01 });
  const accent = random.pick(['#d8361f', '#e6c21c', '#1f8fd8'].map(hex));
  canvas.fill(rectangle(0, 0.2, 1, 0.225), accent);
  // A rack of dumbbells on both sides.
  for (const y of [0.36, 0.5, 0.64]) {
    canvas.fill(rectangle(0, y + 0.05, 0.27, y + 0.068), hex('#8b9098'));
    canvas.fill(rectangle(0.73, y + 0.05, 1, y + 0.068), hex('#8b9098'));
    for (const x of [0.05, 0.17, 0.83, 0.95]) {
      canvas.fill(rectangle(x - 0.05, y + 0.012, x + 0.05, y + 0.03), hex('#b9bec6'));
      for (const s of [-1, 1]) canvas.fill(rectangle(x + s * 0.042 - 0.016, y - 0.018, x + s * 0.042 + 0.016, y + 0.055), hex('#131418'));
    }
  }
}

export function lectureHall(canvas: Canvas, random: Random): void {
  gradient(canvas, hex('#c9b48e'), hex('#a58c62'));
  canvas.fill(rectangle(0.02, 0.03, 0.98, 0.7), hex('#7a5630'));
  const board = random.pick(['#1f4434', '#24322e', '#1d3b3a'].map(hex));
  canvas.fill(rectangle(0.045, 0.055, 0.955, 0.67), (x, y, out) => {
    const dust = 1 + 0.35 * fractal(x * 3, y * 6 + board[0] * 90);
    for (let k = 0; k < 3; k++) out[k] = board[k as 0] * dust + 0.008;
  });
  const chalk: Rgb = [0.86, 0.88, 0.84];
  const write = (x0: number, x1: number, y: number) => {
    const line: number[] = [];
    for (let x = x0; x < x1; x += 0.012) line.push(x, y + random.uniform(-0.016, 0.016));
    canvas.fill(stroke(line, [0.006, 0.008, 0.006]), chalk, { opacity: 0.85 });
  };
  for (const y of [0.13, 0.21, 0.45, 0.53]) write(0.08, random.uniform(0.2, 0.28), y);
  for (const y of [0.13, 0.21, 0.29]) write(random.uniform(0.7, 0.76), 0.92, y);
  canvas.fill(stroke([0.08, 0.38, 0.08, 0.28, 0.08, 0.38, 0.25, 0.38], [0.008, 0.008, 0.008]), chalk);
  canvas.fill(
    stroke(
      smooth(
        [
          [0.08, 0.37],
          [0.14, 0.35],
          [0.18, 0.29],
          [0.24, 0.27],
        ],
        false,
      ),
      [0.007, 0.007, 0.007],
    ),
    hex('#f2d36b'),
  );
  canvas.fill(stroke(ellipse(0.84, 0.46, 0.075), [0.008, 0.008, 0.008]), chalk);
  canvas.fill(stroke([0.78, 0.46, 0.9, 0.46], [0.006, 0.006, 0.006]), hex('#f2a0a0'));
}

export function office(canvas: Canvas, random: Random): void {
  gradient(canvas, hex('#8fa0b0'), hex('#64727f'));
  for (const x of [0.02, 0.36, 0.7]) {
    canvas.fill(rectangle(x, 0.05, x + 0.28, 0.42), hex('#dfe9ef'));
    canvas.fill(rectangle(x + 0.01, 0.06, x + 0.27, 0.41), mix(hex('#a9c9e0'), hex('#e6f0f4'), random.uniform()));
    for (let y = 0.08; y < 0.4; y += 0.035) canvas.fill(rectangle(x, y, x + 0.28, y + 0.01), hex('#f3f5f6'), { opacity: 0.7 });
  }
  canvas.fill(rectangle(0, 0.62, 1, 1), hex('#7c6048'));
  canvas.fill(rectangle(0, 0.6, 1, 0.63), hex('#a2825f'));
}

export function library(canvas: Canvas, random: Random): void {
  paint(canvas, (_x, _y, out) => out.set(hex('#3c2414')));
  const spines = ['#7c1f22', '#1f3c66', '#2d5a3a', '#a87a2c', '#5a3560', '#c8b48c', '#35302c', '#8c4a24'].map(hex);
  for (let shelf = 0; shelf < 5; shelf++) {
    const y = shelf * 0.21;
    for (let x = random.uniform(-0.02, 0.01); x < 1;) {
      const w = random.uniform(0.018, 0.042);
      const tall = random.uniform(0.13, 0.175);
      const colour = random.pick(spines);
      canvas.fill(rectangle(x, y + 0.185 - tall, x + w - 0.003, y + 0.185), scale(colour, random.uniform(0.7, 1.2)));
      canvas.fill(rectangle(x, y + 0.205 - tall, x + w - 0.003, y + 0.213 - tall), hex('#d9b860'), { opacity: 0.7 });
      x += w;
    }
    canvas.fill(rectangle(0, y + 0.185, 1, y + 0.208), hex('#6a4122'));
  }
}

export function brickWall(canvas: Canvas, random: Random): void {
  paint(canvas, bricks(random.pick(['#9c4a34', '#8a5140', '#a85c3c'].map(hex)), hex('#b9aea0'), 15, random.uniform(0, 90)));
}

/** A rug with a woven border, lying below `top`. */
export function rug(canvas: Canvas, random: Random, colour: Rgb, top: number): void {
  const lighter = mix(colour, [1, 0.85, 1], 0.42);
  canvas.fill(
    polygon([
      [0.04, top],
      [0.96, top],
      [1.2, 1.02],
      [-0.2, 1.02],
    ]),
    (x, y, out) => {
      const t = (y - top) / (1 - top);
      const u = (x - 0.5) / (0.46 + 0.24 * t);
      const edge = Math.max(Math.abs(u), 1 - t * 1.4);
      const motif = Math.sin(u * 26) * Math.sin(t * 22) > 0.35 || (edge > 0.82 && edge < 0.9);
      const tone = 0.85 + 0.25 * noise2(x * 140, y * 140) + 0.1 * fractal(x * 6, y * 6);
      const base = motif ? lighter : colour;
      for (let k = 0; k < 3; k++) out[k] = base[k as 0] * tone;
    },
  );
  for (let i = 0; i < 40; i++) {
    const x = 0.04 + (0.92 * i) / 39;
    canvas.fill(rectangle(x, top - 0.018, x + 0.01, top + 0.004), hex('#e8dcc0'), { opacity: random.uniform(0.6, 1) });
  }
}
