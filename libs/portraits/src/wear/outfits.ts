/** Outfits of trades, of wizards and of astronauts. */
import { hex, namedColours } from '../canvas/colour.ts';
import { subtract } from '../canvas/mask.ts';
import { ellipse, polygon, transform } from '../canvas/path.ts';
import { badge, coat, collar, shell, star, stripes, type Tailor } from './tailor.ts';
import type { Garment } from './wardrobe.ts';

export const outfits = {
  chef: (t) => {
    coat(t, hex('#f2f2ef'), { folds: 0.14 });
    collar(t, t.fabric(hex('#ffffff'), { folds: 0.3 }));
    t.line(
      [
        [-0.42, 0.42],
        [-0.36, 1.4],
      ],
      0.005,
      hex('#9a9a9a'),
    );
    for (const side of [-0.28, 0.2])
      for (let v = 0.5; v < 1.2; v += 0.16) t.canvas.fill(transform(ellipse(side, v, 0.038), t.trunk.at), hex('#222226'));
    t.wear(
      t.at([
        [-0.36, 0.2],
        [0, 0.32],
        [0.36, 0.2],
        [0.3, 0.36],
        [0.0, 0.5],
        [-0.3, 0.36],
        [-0.36, 0.2],
      ]),
      t.fabric(namedColours.red),
    );
  },
  firefighter: (t) => {
    coat(t, hex('#3a3426'), { folds: 0.12, depth: 0.8 });
    collar(t, t.fabric(hex('#5a4b26'), { folds: 0.2 }));
    stripes(t, t.fabric(hex('#e9f04a'), { depth: 0.2 }), [0.58], 0.2);
    stripes(t, t.fabric(hex('#d8d8dc'), { depth: 0.2 }), [0.65], 0.06);
    t.line(
      [
        [0, 0.4],
        [0, 1.5],
      ],
      0.014,
      hex('#b9992c'),
    );
  },
  police: (t) => {
    coat(t, hex('#18264d'), { folds: 0.14 });
    collar(t, t.fabric(hex('#22356a'), { folds: 0.3 }));
    t.wear(
      t.at([
        [-0.07, 0.36],
        [0.07, 0.36],
        [0.1, 1.4],
        [-0.1, 1.4],
        [-0.07, 0.36],
      ]),
      t.fabric(hex('#0b0d14')),
    );
    for (const side of [-1, 1])
      t.line(
        [
          [side * 0.72, 0.34],
          [side * 1.2, 0.52],
        ],
        0.03,
        hex('#d8ab2c'),
        0.95,
      );
    badge(t, 0.62, 0.72, 0.13);
  },
  wizard: (t) => {
    coat(t, hex('#51218c'), { folds: 0.12, depth: 0.9, shine: 0.15 });
    collar(t, t.fabric(hex('#6f35b4'), { folds: 0.2, shine: 0.2 }));
    for (const [u, v] of [
      [-0.8, 0.7],
      [-0.45, 0.95],
      [0.5, 0.75],
      [0.9, 0.95],
      [0.05, 0.9],
      [-1.15, 0.95],
    ] as const)
      star(t.canvas, t.trunk.at(u, v), 0.026);
  },
  gown: (t) => {
    t.wear(shell(t, 0.3, 1.0), t.fabric(namedColours.white));
    const n = t.trunk.neck;
    const front = t.canvas.mask(
      transform(
        polygon([
          [-n, -0.2],
          [-n * 0.96, 0.22],
          [0, 0.8],
          [n * 0.96, 0.22],
          [n, -0.2],
        ]),
        t.trunk.at,
      ),
    );
    t.wear(subtract(t.canvas.mask(t.trunk.shoulder(0.08, 0.06)), front), t.fabric(hex('#17171c'), { folds: 0.1, depth: 0.9 }));
    for (const side of [-1, 1])
      t.wear(
        t.at([
          [side * n, 0.1],
          [side * n * 1.5, 0.28],
          [side * 0.14, 1.4],
          [side * 0.0, 1.0],
          [side * n * 0.9, 0.26],
          [side * n, 0.1],
        ]),
        t.fabric(hex('#a8182c'), { shine: 0.2 }),
      );
  },
  spacesuit: (t) => {
    coat(t, hex('#e9eaee'), { folds: 0.16, depth: 1 });
    t.line(
      [
        [-1.2, 0.6],
        [-0.9, 1.4],
      ],
      0.012,
      hex('#9aa0aa'),
    );
    t.line(
      [
        [1.2, 0.6],
        [0.9, 1.4],
      ],
      0.012,
      hex('#9aa0aa'),
    );
    t.wear(transform(ellipse(0, 0.26, t.trunk.neck * 1.75, 0.26), t.trunk.at), t.fabric(hex('#a3a9b4'), { folds: 0.4, shine: 0.4 }));
    t.wear(transform(ellipse(0, 0.2, t.trunk.neck * 1.5, 0.2), t.trunk.at), t.fabric(hex('#3a3e48'), { folds: 0.4 }));
    t.wear(
      transform(
        polygon([
          [0.5, 0.66],
          [0.86, 0.7],
          [0.86, 0.84],
          [0.5, 0.8],
        ]),
        t.trunk.at,
      ),
      t.fabric(namedColours.blue),
    );
    t.wear(transform(ellipse(-0.66, 0.76, 0.11), t.trunk.at), t.fabric(namedColours.red));
  },
  apron: (t) => {
    t.wear(shell(t, 0.16, 1.1), t.fabric(namedColours.white));
    t.wear(
      t.at([
        [-0.5, 0.52],
        [0.5, 0.52],
        [0.75, 1.5],
        [-0.75, 1.5],
        [-0.5, 0.52],
      ]),
      t.fabric(t.colour),
    );
    for (const side of [-1, 1])
      t.line(
        [
          [side * 0.46, 0.54],
          [side * t.trunk.neck * 1.05, 0.12],
        ],
        0.03,
        t.colour,
        1,
      );
  },
  vest: (t) => {
    t.wear(shell(t, 0.2, 1.1), t.fabric(hex('#26262a')));
    const n = t.trunk.neck;
    for (const side of [-1, 1])
      t.wear(
        t.at([
          [side * n * 1.15, 0.14],
          [side * n * 2.1, 0.3],
          [side * n * 2.5, 0.8],
          [side * n * 2.6, 1.5],
          [side * 0.06, 1.5],
          [side * 0.08, 0.75],
          [side * n * 1.15, 0.14],
        ]),
        t.fabric(t.colour, { folds: 0.12, shine: 0.25 }),
      );
    t.line(
      [
        [0, 0.7],
        [0, 1.5],
      ],
      0.008,
      hex('#c9c9cf'),
    );
  },
} as const satisfies Partial<Record<Garment, (tailor: Tailor) => void>>;
