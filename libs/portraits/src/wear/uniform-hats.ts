/** Hats and helmets of trades, of wizards and of astronauts. */
import { hex, scale } from '../canvas/colour.ts';
import { intersect, subtract } from '../canvas/mask.ts';
import { ellipse, mirrored, smooth, transform, type Place } from '../canvas/path.ts';
import { labels } from '../labels.ts';
import { bandOf, brim, dome, type Hatter } from './hatter.ts';
import { star } from './tailor.ts';
import type { Hat } from './wardrobe.ts';

export const uniformHats = {
  'chef-hat': (h) => {
    const puffs: Place[] = mirrored([
      [0.2, -1.62],
      [0.62, -1.6],
      [h.w * 1.25, -1.35],
      [h.w * 1.15, -1.08],
      [h.w * 0.9, -0.95],
    ]);
    h.put(puffs, 0.05, h.felt(hex('#f6f6f3'), { folds: 0.07, depth: 0.9 }));
    h.put(
      mirrored([
        [0.01, -1.08],
        [h.w * 0.95, -1.08],
        [h.w, -0.6],
        [0.01, -0.5],
      ]),
      0.2,
      h.felt(hex('#ffffff'), { pattern: (x) => scale(hex('#fbfbf8'), 0.84 + 0.16 * Math.abs(Math.sin(x * 75))) }),
    );
  },
  'fire-helmet': (h) => {
    h.put(brim(h.w * 1.42, -0.6, 0.2, 0.02), 0.2, h.felt(scale(hex('#c01a1a'), 0.75), { shine: 0.5 }));
    h.put(dome(h.w * 1.02, -1.36, -0.6), 0.15, h.felt(hex('#d01c1c'), { shine: 0.7 }));
    for (const u of [-0.42, 0, 0.42])
      h.line(
        [
          [u * 0.5, -1.34],
          [u, -1.0],
          [u * 1.2, -0.68],
        ],
        0.3,
        0.012,
        hex('#8e1010'),
      );
    h.put(
      [
        [-0.2, -1.08],
        [0, -1.2],
        [0.2, -1.08],
        [0.2, -0.78],
        [0, -0.62],
        [-0.2, -0.78],
      ],
      0.5,
      h.felt(hex('#f2c23a'), { shine: 0.6 }),
    );
    h.line(
      [
        [-h.w * 1.3, -0.54],
        [0, -0.44],
        [h.w * 1.3, -0.54],
      ],
      0.3,
      0.016,
      hex('#f4e23c'),
    );
  },
  'police-cap': (h) => {
    h.put(
      mirrored([
        [0.1, -1.3],
        [h.w * 0.9, -1.22],
        [h.w * 1.38, -0.98],
        [h.w * 1.08, -0.78],
        [0.1, -0.72],
      ]),
      0.12,
      h.felt(hex('#1b2d62')),
    );
    h.put(bandOf(h.w * 1.02, -0.56, 0.22), 0.25, h.felt(hex('#0c1020')));
    h.put(
      mirrored([
        [0.01, -0.58],
        [h.w * 0.8, -0.56],
        [h.w * 0.86, -0.42],
        [0.4, -0.35],
        [0.01, -0.33],
      ]),
      0.7,
      h.felt(hex('#0a0a0d'), { shine: 0.9, depth: 0.1 }),
    );
    h.line(
      [
        [-h.w * 0.86, -0.56],
        [0, -0.47],
        [h.w * 0.86, -0.56],
      ],
      0.62,
      0.014,
      hex('#e6b93a'),
    );
    star(h.canvas, h.head.at(0, -0.92, 0.55), 0.045);
  },
  'wizard-hat': (h) => {
    const purple = hex('#5a229c');
    h.put(
      [
        [-h.w * 0.98, -0.55],
        [-h.w * 0.6, -1.05],
        [-0.12, -1.62],
        [0.3, -1.72],
        [0.22, -1.5],
        [h.w * 0.55, -1.1],
        [h.w * 0.98, -0.55],
        [0, -0.5],
      ],
      0.12,
      h.felt(purple, { folds: 0.12, depth: 0.8 }),
    );
    h.put(bandOf(h.w * 0.94, -0.6, 0.14), 0.22, h.felt(hex('#e0b030')));
    h.put(brim(h.w * 1.7, -0.56, 0.16, 0.02), 0.3, h.felt(hex('#4a1a84')));
    for (const [u, v, r] of [
      [-0.25, -0.9, 0.032],
      [0.28, -1.05, 0.028],
      [0.02, -1.3, 0.026],
      [0.45, -0.8, 0.022],
    ] as const)
      star(h.canvas, h.head.at(u, v, 0.3), r);
  },
  'doctoral-cap': (h) => {
    h.put(bandOf(h.w * 1.02, -0.52, 0.42), 0.2, h.felt(hex('#15151a')));
    h.put(
      [
        [0, -1.36],
        [h.w * 1.62, -1.02],
        [0, -0.72],
        [-h.w * 1.62, -1.02],
      ],
      0.15,
      h.felt(hex('#22222a'), { depth: 0.1 }),
      true,
    );
    h.line(
      [
        [0, -1.04],
        [h.w * 0.7, -1.0],
        [h.w * 1.18, -0.9],
        [h.w * 1.22, -0.5],
      ],
      0.1,
      0.014,
      hex('#eab92c'),
    );
    h.put(
      [
        [h.w * 1.14, -0.52],
        [h.w * 1.3, -0.52],
        [h.w * 1.36, -0.12],
        [h.w * 1.1, -0.12],
      ],
      0.1,
      h.felt(hex('#eab92c'), { folds: 0.03 }),
    );
  },
  'motorcycle-helmet': (h) => {
    const w = h.w;
    const shell = h.canvas.mask(
      transform(
        smooth(
          mirrored([
            [0.01, -1.24],
            [w * 0.75, -1.1],
            [w * 1.22, -0.6],
            [w * 1.3, 0.0],
            [w * 1.2, 0.6],
            [w * 0.92, 0.9],
            [0.5 * w, 1.02],
          ]),
          true,
          6,
        ),
        h.head.beside(0.05),
      ),
    );
    const visor = h.canvas.mask(
      transform(
        smooth(
          mirrored([
            [0.01, -0.48],
            [w * 0.6, -0.44],
            [w * 0.94, -0.2],
            [w * 0.94, 0.45],
            [w * 0.72, 1.1],
            [0.01, 1.3],
          ]),
          true,
          6,
        ),
        h.head.beside(0.7),
      ),
    );
    const ring = subtract(shell, visor);
    h.canvas.multiply(intersect(h.canvas.soften(ring, 0.014, 0, 0.016), visor), [0.4, 0.4, 0.42], 0.6);
    h.canvas.fill(ring, h.felt(h.colour, { shine: 0.9, depth: 0.06 }), { label: labels.hat });
    h.put(
      mirrored([
        [0.01, -0.66],
        [w * 0.8, -0.58],
        [w * 1.04, -0.3],
        [w * 0.9, -0.3],
        [w * 0.55, -0.5],
        [0.01, -0.54],
      ]),
      0.65,
      h.felt(hex('#18181c'), { shine: 0.5 }),
    );
    h.line(
      [
        [-0.09, -1.2],
        [-0.1, -0.9],
        [-0.08, -0.66],
      ],
      0.4,
      0.03,
      hex('#f4f4f2'),
    );
  },
  'space-helmet': (h) => {
    const globe = transform(ellipse(0, -0.02, 1.28, 1.3), h.head.beside(0));
    const glass = h.canvas.mask(globe);
    h.canvas.fill(glass, [0.7, 0.85, 1], { opacity: 0.06 });
    const rim = subtract(glass, h.canvas.mask(transform(ellipse(0, -0.02, 1.16, 1.18), h.head.beside(0))));
    h.canvas.fill(rim, h.felt(hex('#e8eaf0'), { shine: 0.5, depth: 0.05 }), { label: labels.hat });
    for (const [u, v, tilt, long] of [
      [-0.78, -0.62, -0.8, 0.3],
      [0.86, 0.5, -0.9, 0.14],
    ] as const)
      h.canvas.fill(transform(ellipse(u, v, long, 0.06, tilt), h.head.beside(0)), [1, 1, 1], { opacity: 0.55, soft: 0.006 });
  },
} as const satisfies Partial<Record<Hat, (h: Hatter) => void>>;
