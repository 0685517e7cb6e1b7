/** What hats are made of. */
import type { Canvas, Paint } from '../canvas/canvas.ts';
import type { Rgb } from '../canvas/colour.ts';
import type { Mask } from '../canvas/mask.ts';
import { mirrored, type Place } from '../canvas/path.ts';
import type { Head } from '../person/head.ts';
import type { Weave } from './cloth.ts';

/** What a hat is made with. Places are those of the head. */
export interface Hatter {
  readonly canvas: Canvas;
  readonly head: Head;
  readonly colour: Rgb;
  /** Half the width of the head with its hair. */
  readonly w: number;
  readonly felt: (colour: Rgb, weave?: Weave) => Paint;
  /** Fills a closed smooth outline at a depth: 0 over the silhouette, 0.8 over the forehead. */
  readonly put: (points: readonly Place[], depth: number, paint: Paint, sharp?: boolean) => Mask;
  readonly line: (points: readonly Place[], depth: number, width: number, colour: Rgb) => void;
}

/** A round crown down to v = `low`. */
export const dome = (w: number, top: number, low: number, flat = 0.75): Place[] =>
  mirrored([
    [w * 0.3, top],
    [w * flat, top + 0.1],
    [w, (top + low) / 2 - 0.05],
    [w * 1.06, low - 0.02],
    [w * 0.6, low + 0.03],
  ]);

export const brim = (reach: number, v: number, thick: number, droop: number): Place[] =>
  mirrored([
    [0.01, v - thick * 0.2],
    [reach * 0.6, v - thick * 0.3],
    [reach, v - droop],
    [reach * 0.96, v + 0.05 - droop],
    [reach * 0.55, v + thick * 0.75],
    [0.01, v + thick],
  ]);

export const bandOf = (w: number, v: number, height: number): Place[] => [
  [-w * 1.04, v - height],
  [-w * 0.5, v - height + 0.05],
  [0, v - height + 0.065],
  [w * 0.5, v - height + 0.05],
  [w * 1.04, v - height],
  [w * 1.06, v],
  [w * 0.5, v + 0.07],
  [0, v + 0.085],
  [-w * 0.5, v + 0.07],
  [-w * 1.06, v],
];

/** A ball with a little wool standing out. */
export const pompom = (u: number, v: number, r: number): Place[] =>
  Array.from({ length: 10 }, (_, i): Place => {
    const bump = r * (1 + 0.06 * (i % 2 ? 1 : -1));
    return [u + bump * Math.cos((Math.PI * i) / 5), v + bump * Math.sin((Math.PI * i) / 5)];
  });
