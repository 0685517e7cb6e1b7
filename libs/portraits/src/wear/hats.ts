/** Hats: shapes on the crown of the head, in head coordinates. */
import type { Canvas } from '../canvas/canvas.ts';
import { hex, mix, namedColours, scale, type ColourName, type Rgb } from '../canvas/colour.ts';
import { intersect, type Mask } from '../canvas/mask.ts';
import { noise2 } from '../canvas/noise.ts';
import { ellipse, mirrored, polygon, smooth, stroke, transform, type Path, type Place } from '../canvas/path.ts';
import { labels } from '../labels.ts';
import type { Head } from '../person/head.ts';
import type { Illumination } from '../person/light.ts';
import { cloth } from './cloth.ts';
import { uniformHats } from './uniform-hats.ts';
import { bandOf, brim, dome, pompom, type Hatter } from './hatter.ts';
import type { Hat } from './wardrobe.ts';

export interface HatWorn {
  readonly kind: Hat;
  readonly colour: ColourName;
}

export function drawHat(canvas: Canvas, head: Head, light: Illumination, { kind, colour }: HatWorn, seed: number, face: Mask): void {
  const middle = head.at(0, -0.75, 0.3);
  const radius = [head.pose.scale * 1.05, head.pose.scale * 0.9] as const;
  const place = (points: readonly Place[], depth: number, sharp: boolean): Path =>
    transform(sharp ? polygon(points) : smooth(points, true, 6), head.beside(depth));
  const hatter: Hatter = {
    canvas,
    head,
    colour: namedColours[colour],
    w: head.identity.faceWidth + 0.05,
    felt: (base, weave = {}) => cloth(base, light, seed, { middle, radius, folds: 0.2, depth: 0.3, ...weave }),
    put: (points, depth, paint, sharp = false) => {
      const mask = canvas.mask(place(points, depth, sharp));
      canvas.multiply(intersect(canvas.soften(mask, 0.016, light.side * -0.01, 0.024), face), [0.42, 0.38, 0.4], 0.6);
      canvas.fill(mask, paint, { label: labels.hat });
      return mask;
    },
    line: (points, depth, width, shade) =>
      canvas.fill(stroke(transform(smooth(points, false, 5), head.beside(depth)), [width, width, width]), shade, { label: labels.hat }),
  };
  drawings[kind](hatter);
}

const drawings: Record<Hat, (h: Hatter) => void> = {
  hat: (h) => {
    h.put(dome(h.w, -1.34, -0.56), 0.15, h.felt(h.colour));
    h.put(bandOf(h.w, -0.62, 0.16), 0.25, h.felt(scale(h.colour, 0.3)));
    h.put(brim(h.w * 1.55, -0.58, 0.15, 0.04), 0.3, h.felt(mix(h.colour, [1, 1, 1], 0.04)));
  },
  cap: (h) => {
    h.put(dome(h.w, -1.22, -0.5), 0.12, h.felt(h.colour));
    h.line(
      [
        [0, -1.22],
        [0.02, -0.9],
        [0, -0.55],
      ],
      0.3,
      0.006,
      scale(h.colour, 0.5),
    );
    h.canvas.fill(transform(ellipse(0, -1.22, 0.06, 0.035), h.head.beside(0.15)), scale(h.colour, 0.7), { label: labels.hat });
    h.put(
      mirrored([
        [0.01, -0.66],
        [h.w * 0.75, -0.6],
        [h.w * 0.92, -0.42],
        [h.w * 0.5, -0.35],
        [0.01, -0.32],
      ]),
      0.75,
      h.felt(scale(h.colour, 0.78)),
    );
  },
  beanie: (h) => {
    const knit = (x: number, y: number): Rgb => scale(h.colour, 0.75 + 0.4 * Math.abs(Math.sin(x * 130 + 2 * noise2(x * 20, y * 20))));
    h.put(dome(h.w, -1.26, -0.5, 0.7), 0.12, h.felt(h.colour, { pattern: knit }));
    h.put(bandOf(h.w * 1.03, -0.5, 0.24), 0.25, h.felt(scale(h.colour, 0.8), { pattern: (x, y) => scale(knit(x, y), 0.8) }));
    h.put(pompom(0, -1.36, 0.19), 0.1, h.felt(mix(h.colour, [1, 1, 1], 0.45), { folds: 0.02, depth: 1 }));
  },
  'straw-hat': (h) => {
    const straw = (x: number, y: number): Rgb => scale(hex('#e0bd6c'), 0.78 + 0.3 * Math.abs(Math.sin(y * 190 + x * 30)));
    h.put(dome(h.w, -1.25, -0.58), 0.15, h.felt(hex('#e0bd6c'), { pattern: straw }));
    h.put(bandOf(h.w, -0.62, 0.16), 0.25, h.felt(h.colour));
    h.put(brim(h.w * 1.75, -0.58, 0.17, -0.02), 0.3, h.felt(hex('#e6c67c'), { pattern: straw }));
  },
  'cowboy-hat': (h) => {
    h.put(
      mirrored([
        [0.04, -1.28],
        [h.w * 0.42, -1.42],
        [h.w * 0.78, -1.22],
        [h.w * 0.95, -0.6],
        [h.w * 0.4, -0.52],
      ]),
      0.15,
      h.felt(h.colour),
    );
    h.put(bandOf(h.w * 0.95, -0.62, 0.12), 0.25, h.felt(scale(h.colour, 0.35)));
    h.put(brim(h.w * 1.7, -0.56, 0.16, 0.28), 0.3, h.felt(h.colour));
  },
  'top-hat': (h) => {
    h.put(
      mirrored([
        [h.w * 0.5, -1.62],
        [h.w * 0.98, -1.58],
        [h.w * 0.88, -1.1],
        [h.w * 0.92, -0.6],
        [h.w * 0.4, -0.52],
      ]),
      0.12,
      h.felt(h.colour, { shine: 0.08 }),
    );
    h.put(bandOf(h.w * 0.88, -0.64, 0.2), 0.2, h.felt(hex('#6a1f2a')));
    h.put(brim(h.w * 1.42, -0.58, 0.12, 0.06), 0.3, h.felt(mix(h.colour, [1, 1, 1], 0.03), { shine: 0.08 }));
  },
  'santa-hat': (h) => {
    h.put(
      [
        [-h.w, -0.55],
        [-h.w * 0.82, -1.05],
        [-h.w * 0.2, -1.45],
        [h.w * 0.7, -1.42],
        [h.w * 1.35, -0.95],
        [h.w * 1.42, -0.45],
        [h.w * 1.22, -0.5],
        [h.w, -0.8],
        [h.w, -0.5],
        [0, -0.5],
      ],
      0.1,
      h.felt(hex('#c81420'), { folds: 0.1, depth: 0.7 }),
    );
    const fur = { folds: 0.018, depth: 1.1 };
    h.put(pompom(h.w * 1.36, -0.4, 0.2), 0, h.felt(hex('#f8f8f6'), fur));
    h.put(bandOf(h.w * 1.08, -0.5, 0.28), 0.3, h.felt(hex('#fafaf8'), fur));
  },
  ...uniformHats,
};
