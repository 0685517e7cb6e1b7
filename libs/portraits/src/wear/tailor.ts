/** What garments are made of: the cloth on the shoulders, necklines, collars, buttons, stripes and badges. */
import type { Canvas, Paint } from '../canvas/canvas.ts';
import { hex, scale, type Rgb } from '../canvas/colour.ts';
import { subtract, type Mask } from '../canvas/mask.ts';
import { ellipse, polygon, smooth, transform, type Path, type Place } from '../canvas/path.ts';
import type { Trunk } from '../person/body.ts';
import type { Weave } from './cloth.ts';

/** What a garment is made with. Places are those of the trunk. */
export interface Tailor {
  readonly canvas: Canvas;
  readonly trunk: Trunk;
  readonly colour: Rgb;
  readonly fabric: (colour: Rgb, weave?: Weave) => Paint;
  readonly wear: (path: Path | Mask, paint: Paint, soft?: number) => void;
  readonly at: (points: readonly Place[]) => Path;
  readonly line: (points: readonly Place[], width: number, colour: Rgb, opacity?: number) => void;
}

/** The shoulders in cloth, without a neckline cut to `depth` under the chin. */
export function shell({ canvas, trunk }: Tailor, depth: number, wide: number, rise = 0.03): Mask {
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
export function band({ trunk, line }: Tailor, depth: number, wide: number, width: number, colour: Rgb): void {
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

export function collar({ trunk, wear, at }: Tailor, paint: Paint): void {
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

export function buttons({ canvas, trunk, colour }: Tailor, from: number, shade = scale(colour, 0.4)): void {
  for (let v = from; v < 1.2; v += 0.17) canvas.fill(transform(ellipse(0, v, 0.022), trunk.at), shade, { opacity: 0.9 });
}

/** A long coat of an outfit, closed at the neck. */
export function coat(tailor: Tailor, base: Rgb, weave?: Weave): void {
  tailor.wear(shell(tailor, 0.06, 1.02, 0.07), tailor.fabric(base, weave));
}

export function stripes({ trunk, wear }: Tailor, paint: Paint, heights: readonly number[], thick: number): void {
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

/** A star with a boss. */
export function badge({ canvas, trunk }: Tailor, u: number, v: number, r: number): void {
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
