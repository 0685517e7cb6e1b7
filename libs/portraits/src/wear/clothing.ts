/** Clothes on neck and shoulders. */
import type { Canvas, Paint } from '../canvas/canvas.ts';
import { hex, mix, namedColours, scale, type ColourName, type Rgb } from '../canvas/colour.ts';
import { intersect, subtract, type Mask } from '../canvas/mask.ts';
import { ellipse, polygon, smooth, stroke, transform, type Path, type Place } from '../canvas/path.ts';
import { labels } from '../labels.ts';
import type { Trunk } from '../person/body.ts';
import type { Illumination } from '../person/light.ts';
import { cloth, type Weave } from './cloth.ts';
import type { Garment } from './wardrobe.ts';

export interface Dress {
  readonly garment: Garment;
  readonly colour: ColourName;
  readonly striped?: boolean;
}

interface Tailor {
  readonly canvas: Canvas;
  readonly trunk: Trunk;
  readonly colour: Rgb;
  readonly fabric: (colour: Rgb, weave?: Weave) => Paint;
  readonly wear: (path: Path | Mask, paint: Paint, soft?: number) => void;
  readonly at: (points: readonly Place[]) => Path;
  readonly line: (points: readonly Place[], width: number, colour: Rgb, opacity?: number) => void;
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

const mirrored = (points: readonly Place[]): Place[] => [...points, ...points.map(([u, v]): Place => [-u, v]).toReversed()];

/** The shoulders in cloth, without a neckline cut to `depth` under the chin. */
function shell({ canvas, trunk }: Tailor, depth: number, wide: number, rise = 0.03): Mask {
  const { neck } = trunk;
  const opening = transform(
    smooth(
      [
        [-neck * wide, -0.4],
        [-neck * wide, 0.14],
        [-neck * wide * 0.62, 0.14 + depth * 0.75],
        [0, 0.16 + depth],
        [neck * wide * 0.62, 0.14 + depth * 0.75],
        [neck * wide, 0.14],
        [neck * wide, -0.4],
      ],
      true,
      5,
    ),
    trunk.at,
  );
  return subtract(canvas.mask(trunk.shoulder(rise)), canvas.mask(opening));
}

/** The band along a neckline. */
function band({ trunk, line }: Tailor, depth: number, wide: number, width: number, colour: Rgb): void {
  const n = trunk.neck * wide;
  line(
    [
      [-n, 0.1],
      [-n * 0.62, 0.14 + depth * 0.75],
      [0, 0.16 + depth],
      [n * 0.62, 0.14 + depth * 0.75],
      [n, 0.1],
    ],
    width,
    colour,
    0.9,
  );
}

function collar({ trunk, wear, at }: Tailor, paint: Paint): void {
  const n = trunk.neck;
  for (const side of [-1, 1]) {
    const points: Place[] = [
      [side * n * 1.06, 0.02],
      [side * n * 1.2, 0.24],
      [side * n * 0.72, 0.5],
      [side * 0.03, 0.36],
      [side * n * 0.7, 0.2],
    ];
    wear(at([...points, points[0]!]), paint);
  }
}

function buttons({ canvas, trunk, colour }: Tailor, from: number, shade = scale(colour, 0.4)): void {
  for (let v = from; v < 1.2; v += 0.17) canvas.fill(transform(ellipse(0, v, 0.022), trunk.at), shade, { opacity: 0.9 });
}

/** A long coat of an outfit, closed at the neck. */
function coat(tailor: Tailor, base: Rgb, weave?: Weave): void {
  tailor.wear(shell(tailor, 0.06, 1.02, 0.07), tailor.fabric(base, weave));
}

function stripes({ trunk, wear }: Tailor, paint: Paint, heights: readonly number[], thick: number): void {
  for (const v of heights)
    wear(
      transform(
        polygon([
          [-1.8, v + 0.12],
          [-0.9, v],
          [0.9, v],
          [1.8, v + 0.12],
          [1.8, v + 0.12 + thick],
          [0.9, v + thick],
          [-0.9, v + thick],
          [-1.8, v + 0.12 + thick],
        ]),
        trunk.at,
      ),
      paint,
    );
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
};

function badge({ canvas, trunk }: Tailor, u: number, v: number, r: number): void {
  star(canvas, trunk.at(u, v), r * 0.34);
  canvas.fill(transform(ellipse(u, v, r * 0.45), trunk.at), hex('#b98a1c'));
}

/** A golden five-pointed star. */
export function star(canvas: Canvas, [x, y]: Place, r: number, colour: Rgb = hex('#f2c838')): void {
  const points = Array.from({ length: 10 }, (_, i): Place => {
    const reach = i % 2 ? r * 0.42 : r;
    return [x + reach * Math.sin((i * Math.PI) / 5), y - reach * Math.cos((i * Math.PI) / 5)];
  });
  canvas.fill(polygon(points), colour);
}

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
