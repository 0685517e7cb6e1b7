/** Glasses, sunglasses and a monocle; earrings. */
import type { Canvas } from '../canvas/canvas.ts';
import { hex, mix, namedColours, scale, type ColourName } from '../canvas/colour.ts';
import { subtract } from '../canvas/mask.ts';
import { ellipse, polygon, stroke, transform, type Path, type Place } from '../canvas/path.ts';
import { labels } from '../labels.ts';
import type { Head } from '../person/head.ts';
import type { Eyewear } from './wardrobe.ts';

export interface Glasses {
  readonly kind: Eyewear;
  readonly colour: ColourName;
  /** 0 round … 1 square. */
  readonly square: number;
}

export function drawEyewear(canvas: Canvas, head: Head, { kind, colour, square }: Glasses): void {
  if (kind === 'monocle') return drawMonocle(canvas, head);
  const { eyeSpacing, faceWidth } = head.identity;
  const frame = namedColours[colour];
  const place = (u: number, v: number) => head.at(u, v, head.depth(u, v) + 0.06);
  const dark = kind === 'sunglasses';
  const rx = Math.min(0.265, eyeSpacing - 0.045);
  const ry = rx * (dark ? 0.84 : 0.8);
  const rim = dark ? 0.02 : 0.04;
  for (const side of [-1, 1]) {
    const lens = canvas.mask(transform(lensOutline(side * (eyeSpacing + 0.01), 0.03, rx - rim, ry - rim, square), place));
    const outer = canvas.mask(transform(lensOutline(side * (eyeSpacing + 0.01), 0.03, rx, ry, square), place));
    canvas.multiply(canvas.soften(subtract(outer, lens), 0.008, 0, 0.012), [0.55, 0.5, 0.5], 0.5);
    if (dark) canvas.fill(lens, lensShader(place(side * eyeSpacing, 0)[1], head.pose.scale), { opacity: 0.97, label: labels.eye_g });
    else {
      canvas.fill(lens, mix(frame, [1, 1, 1], 0.6), { opacity: 0.13 });
      glint(canvas, place, side * eyeSpacing, rx);
    }
    canvas.fill(subtract(outer, lens), frameShader(frame), { label: labels.eye_g });
    const temple: Path = [...place(side * (eyeSpacing + rx * 0.97), -0.02), ...head.at(side * faceWidth * 1.0, -0.04, 0)];
    canvas.fill(stroke(temple, [0.014, 0.012, 0.01]), scale(frame, 0.8), { label: labels.eye_g });
  }
  const bridge: Place[] = [
    [-(eyeSpacing - rx) - 0.02, 0.0],
    [0, -0.035],
    [eyeSpacing - rx + 0.02, 0.0],
  ];
  canvas.fill(stroke(transform(polygon(bridge), place), [0.014, 0.014, 0.014]), scale(frame, 0.9), { label: labels.eye_g });
}

/** A superellipse between round and square. */
function lensOutline(u: number, v: number, rx: number, ry: number, square: number): Path {
  const power = 2 / (2 + 2.4 * square);
  return Array.from({ length: 28 }, (_, i) => {
    const [c, s] = [Math.cos((2 * Math.PI * i) / 28), Math.sin((2 * Math.PI * i) / 28)];
    return [u + rx * Math.sign(c) * Math.abs(c) ** power, v + ry * Math.sign(s) * Math.abs(s) ** power];
  }).flat();
}

const frameShader = (frame: readonly [number, number, number]) => (x: number, y: number, out: Float32Array) => {
  const gleam = 0.85 + 0.35 * Math.sin((x + y) * 60);
  for (let k = 0; k < 3; k++) out[k] = frame[k as 0] * gleam;
};

const lensShader = (middle: number, scaleOf: number) => (x: number, y: number, out: Float32Array) => {
  const t = (y - middle) / scaleOf;
  const sheen = Math.max(0, 1 - Math.abs(t + 0.1 + 0.5 * Math.sin(x * 22)) * 5) * 0.1;
  for (let k = 0; k < 3; k++) out[k] = 0.012 + 0.05 * Math.max(0, t + 0.05) + sheen;
};

function glint(canvas: Canvas, place: (u: number, v: number) => Place, u: number, r: number): void {
  const shine: Place[] = [
    [u - r * 0.5, -0.08],
    [u - r * 0.3, -0.1],
    [u - r * 0.55, 0.08],
    [u - r * 0.68, 0.04],
  ];
  canvas.fill(transform(polygon(shine), place), [1, 1, 1], { opacity: 0.4, soft: 0.003 });
}

function drawMonocle(canvas: Canvas, head: Head): void {
  const { eyeSpacing } = head.identity;
  const place = (u: number, v: number) => head.at(u, v, head.depth(u, v) + 0.05);
  const outer = canvas.mask(transform(ellipse(eyeSpacing, 0.02, 0.245), place));
  const inner = canvas.mask(transform(ellipse(eyeSpacing, 0.02, 0.19), place));
  canvas.fill(inner, [0.8, 0.9, 1], { opacity: 0.16 });
  glint(canvas, place, eyeSpacing, 0.22);
  canvas.fill(subtract(outer, inner), frameShader(hex('#e2b23c')), { label: labels.eye_g });
  const chain: Place[] = [
    [eyeSpacing + 0.19, 0.16],
    [eyeSpacing + 0.24, 0.6],
    [eyeSpacing + 0.1, 1.1],
  ];
  canvas.fill(stroke(transform(polygon(chain), place), [0.008, 0.008, 0.008]), hex('#d8a83a'), { label: labels.eye_g });
}

export function drawEarrings(canvas: Canvas, head: Head, colour: ColourName): void {
  const { faceWidth, earSize } = head.identity;
  for (const side of [-1, 1]) {
    const [x, y] = head.at(side * (faceWidth + 0.0), 0.06 + earSize + 0.08, -0.3);
    canvas.fill(ellipse(x, y, 0.017, 0.024, 0, 14), namedColours[colour], { label: labels.ear_r });
    canvas.fill(ellipse(x - 0.004, y - 0.007, 0.005, 0.007, 0, 8), [1, 1, 1], { opacity: 0.85 });
  }
}
