/** Scarves and necklaces. */
import type { Canvas } from '../canvas/canvas.ts';
import { hex, namedColours, scale, type ColourName } from '../canvas/colour.ts';
import { ellipse, polygon, smooth, transform, type Place } from '../canvas/path.ts';
import { labels } from '../labels.ts';
import type { Trunk } from '../person/body.ts';
import type { Illumination } from '../person/light.ts';
import { cloth } from './cloth.ts';

const rainbow = ['#d3202c', '#f08020', '#f4d020', '#2ea04a', '#2458c8', '#7a30a8'].map(hex);

/** A scarf around the neck with one end hanging down. */
export function drawScarf(canvas: Canvas, trunk: Trunk, light: Illumination, colour: ColourName | 'rainbow', seed: number): void {
  const plain = colour === 'rainbow' ? rainbow[0]! : namedColours[colour];
  const [, top] = trunk.at(0, -0.02);
  const [left] = trunk.at(-1, 0);
  const pattern = (vertical: boolean) => (x: number, y: number) =>
    colour === 'rainbow'
      ? rainbow[Math.floor(vertical ? (x - left) * 42 + 60 : (y - top) * 40 + 60) % 6]!
      : scale(plain, 0.9 + 0.1 * Math.sin((x + y) * 160));
  const n = trunk.neck;
  const wrap: Place[] = [
    [-n * 1.25, -0.1],
    [-n * 0.6, 0.1],
    [0, 0.14],
    [n * 0.6, 0.1],
    [n * 1.25, -0.1],
    [n * 1.6, 0.2],
    [n * 1.2, 0.46],
    [0, 0.56],
    [-n * 1.2, 0.46],
    [-n * 1.6, 0.2],
  ];
  const end: Place[] = [
    [n * 0.3, 0.36],
    [n * 0.95, 0.34],
    [n * 1.25, 1.5],
    [n * 0.45, 1.5],
  ];
  const weave = { folds: 0.05, depth: 0.9, middle: trunk.at(0, 0.2), radius: [0.5, 0.2] as const };
  const loop = canvas.mask(transform(smooth(wrap, true, 5), trunk.at));
  canvas.multiply(canvas.soften(loop, 0.012, 0, 0.012), [0.5, 0.5, 0.5], 0.5);
  canvas.fill(transform(polygon(end), trunk.at), cloth(plain, light, seed, { ...weave, pattern: pattern(true) }), { label: labels.cloth });
  canvas.fill(loop, cloth(plain, light, seed + 1, { ...weave, pattern: pattern(false) }), { label: labels.cloth });
}

/** Beads or gold on the neck. */
export function drawNecklace(canvas: Canvas, trunk: Trunk, light: Illumination, gold: boolean): void {
  const n = trunk.neck;
  const line = transform(
    smooth(
      [
        [-n * 1.15, 0.12],
        [-n * 0.75, 0.34],
        [0, 0.52],
        [n * 0.75, 0.34],
        [n * 1.15, 0.12],
      ],
      false,
      5,
    ),
    trunk.at,
  );
  const colour = gold ? hex('#e0a92c') : hex('#f2efe6');
  for (let i = 0; i < line.length; i += 2) {
    const [x, y] = [line[i]!, line[i + 1]!];
    canvas.fill(ellipse(x, y + 0.004, 0.0125, 0.0125, 0, 10), scale(colour, 0.3), { opacity: 0.7, label: labels.neck_l });
    canvas.fill(ellipse(x, y, 0.0115, 0.0115, 0, 10), scale(colour, 0.75));
    canvas.fill(ellipse(x + light.side * 0.004, y - 0.003, 0.005, 0.005, 0, 8), [1, 1, 0.95]);
  }
}
