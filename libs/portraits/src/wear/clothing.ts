/** Clothes on neck and shoulders. */
import type { Canvas } from '../canvas/canvas.ts';
import { hex, mix, namedColours, scale, type ColourName, type Rgb } from '../canvas/colour.ts';
import { intersect, subtract } from '../canvas/mask.ts';
import { mirrored, polygon, smooth, stroke, transform } from '../canvas/path.ts';
import { labels } from '../labels.ts';
import type { Trunk } from '../person/body.ts';
import type { Illumination } from '../person/light.ts';
import { cloth, type Weave } from './cloth.ts';
import { outfits } from './outfits.ts';
import { band, buttons, collar, shell, type Tailor } from './tailor.ts';
import type { Garment } from './wardrobe.ts';

export interface Dress {
  readonly garment: Garment;
  readonly colour: ColourName;
  readonly striped?: boolean;
}

export function drawClothing(canvas: Canvas, trunk: Trunk, light: Illumination, dress: Dress, seed: number): void {
  const colour = namedColours[dress.colour];
  const middle = trunk.at(0, 0.6);
  const second = mix(colour, namedColours.white, 0.75);
  const pattern = dress.striped ? (_x: number, y: number) => (Math.floor(y * 34) % 2 ? second : colour) : undefined;
  const fabric = (base: Rgb, weave: Weave = {}) =>
    cloth(base, light, seed, { middle, ...(pattern && base === colour ? { pattern } : {}), ...weave });
  const tailor: Tailor = {
    canvas,
    trunk,
    colour,
    fabric,
    wear: (path, paint, soft = 0) => canvas.fill(path, paint, { label: labels.cloth, soft }),
    at: (points) => transform(smooth(points, false, 5), trunk.at),
    line: (points, width, shade, opacity = 0.8) =>
      canvas.fill(stroke(transform(smooth(points, false, 5), trunk.at), [width, width, width]), shade, { opacity, soft: 0.002 }),
  };
  const throwsShadow = canvas.soften(canvas.mask(trunk.shoulder(0.03)), 0.012, 0, -0.01);
  canvas.multiply(intersect(throwsShadow, canvas.mask(trunk.shoulder(-0.02))), [0.7, 0.62, 0.6], 0.4);
  drawings[dress.garment](tailor);
}

const drawings: Record<Garment, (tailor: Tailor) => void> = {
  't-shirt': (t) => {
    t.wear(shell(t, 0.2, 1.18), t.fabric(t.colour));
    band(t, 0.2, 1.18, 0.014, scale(t.colour, 0.55));
  },
  shirt: (t) => {
    t.wear(shell(t, 0.18, 1.0), t.fabric(t.colour));
    t.line(
      [
        [0, 0.36],
        [0.01, 1.4],
      ],
      0.006,
      scale(t.colour, 0.4),
    );
    collar(t, t.fabric(mix(t.colour, namedColours.white, 0.14), { folds: 0.2 }));
    buttons(t, 0.5);
  },
  sweater: (t) => {
    const knit = (x: number, y: number): Rgb => scale(t.colour, 0.86 + 0.16 * Math.abs(Math.sin(x * 110 + Math.sin(y * 200) * 0.6)));
    t.wear(shell(t, 0.1, 1.08, 0.06), t.fabric(t.colour, { pattern: knit, folds: 0.14 }));
    band(t, 0.1, 1.08, 0.034, scale(t.colour, 0.72));
  },
  hoodie: (t) => {
    t.wear(shell(t, 0.12, 1.1, 0.07), t.fabric(t.colour, { folds: 0.13, depth: 0.8 }));
    const n = t.trunk.neck;
    for (const side of [-1, 1]) {
      t.wear(
        t.at([
          [side * n, -0.04],
          [side * n * 1.6, 0.1],
          [side * n * 1.55, 0.42],
          [side * 0.04, 0.5],
          [side * n * 0.75, 0.26],
          [side * n, -0.04],
        ]),
        t.fabric(scale(t.colour, 0.86), { folds: 0.06, depth: 0.9 }),
      );
      t.line(
        [
          [side * 0.12, 0.44],
          [side * 0.15, 0.82],
        ],
        0.009,
        namedColours.white,
      );
    }
  },
  jacket: (t) => {
    t.wear(shell(t, 0.3, 0.98), t.fabric(namedColours.white));
    collar(t, t.fabric(namedColours.white, { folds: 0.3 }));
    const tie = mix(hex('#7c1c2c'), t.colour, 0.15);
    t.wear(
      t.at([
        [-0.08, 0.36],
        [0.08, 0.36],
        [0.06, 0.48],
        [0.12, 1.4],
        [-0.12, 1.4],
        [-0.06, 0.48],
        [-0.08, 0.36],
      ]),
      t.fabric(tie, { shine: 0.2 }),
    );
    const n = t.trunk.neck;
    const front = t.canvas.mask(
      transform(
        polygon([
          [-n * 1.02, -0.2],
          [-n * 0.98, 0.24],
          [-0.1, 1.05],
          [-0.1, 1.6],
          [0.1, 1.6],
          [0.1, 1.05],
          [n * 0.98, 0.24],
          [n * 1.02, -0.2],
        ]),
        t.trunk.at,
      ),
    );
    t.wear(subtract(t.canvas.mask(t.trunk.shoulder(0.06, 0.06)), front), t.fabric(t.colour, { folds: 0.16 }));
    for (const side of [-1, 1]) {
      t.wear(
        transform(
          polygon([
            [side * n, 0.12],
            [side * n * 1.4, 0.34],
            [side * n * 1.45, 0.62],
            [side * n * 1.2, 0.6],
            [side * 0.1, 1.1],
            [side * 0.12, 1.0],
            [side * n * 0.96, 0.26],
          ]),
          t.trunk.at,
        ),
        t.fabric(scale(t.colour, 0.7), { folds: 0.3 }),
      );
    }
  },
  dress: (t) => {
    const n = t.trunk.neck;
    const top = transform(
      smooth(
        mirrored([
          [0.0, 0.82],
          [n * 0.7, 0.68],
          [n * 1.55, 0.62],
          [n * 1.75, 0.3],
          [n * 2.05, 0.34],
          [n * 2.2, 0.7],
          [n * 3.2, 1.5],
        ]),
        true,
        4,
      ),
      t.trunk.at,
    );
    t.wear(intersect(t.canvas.mask(top), t.canvas.mask(t.trunk.shoulder(0.01))), t.fabric(t.colour, { shine: 0.12 }));
  },
  'tank-top': (t) => {
    const n = t.trunk.neck;
    const top = transform(
      smooth(
        mirrored([
          [0.0, 0.62],
          [n * 0.8, 0.5],
          [n * 1.2, 0.2],
          [n * 1.95, 0.3],
          [n * 2.1, 0.7],
          [n * 2.9, 1.5],
        ]),
        true,
        4,
      ),
      t.trunk.at,
    );
    t.wear(intersect(t.canvas.mask(top), t.canvas.mask(t.trunk.shoulder(0.01))), t.fabric(t.colour));
  },
  ...outfits,
};
