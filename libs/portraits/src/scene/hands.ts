/** What things before the person are made with, and the hands that hold them. */
import type { Canvas, Shader } from '../canvas/canvas.ts';
import { clamp, scale, type Rgb } from '../canvas/colour.ts';
import { ellipse, smooth, type Path, type Place } from '../canvas/path.ts';
import { labels } from '../labels.ts';
import type { Illumination } from '../person/light.ts';
import type { Random } from '../random.ts';

export interface PropSetting {
  readonly canvas: Canvas;
  readonly skin: Rgb;
  readonly light: Illumination;
  readonly random: Random;
  /** −1 in the picture's left, 1 in its right. */
  readonly side: -1 | 1;
}
export type Prop = (setting: PropSetting) => void;

/** Rounded shading of something whose middle is at x: lit from the light's side. */
export const round =
  (colour: Rgb, light: Illumination, x: number, radius: number, gloss = 0.25): Shader =>
  (px, _py, out) => {
    const nx = clamp((px - x) / radius, -0.98, 0.98);
    const nz = Math.sqrt(1 - nx * nx);
    const lit = light.diffuse(nx, -0.25, nz);
    const shine = gloss * light.highlight(nx, -0.1, nz, 30);
    for (let k = 0; k < 3; k++) out[k] = colour[k as 0] * (light.key[k as 0] * lit + light.fill[k as 0]) + shine;
  };

export function put({ canvas }: PropSetting, path: Path, paint: Shader | Rgb, opacity = 1): void {
  const mask = canvas.mask(path);
  canvas.fill(mask, paint, { opacity, label: labels.background });
}

/** A thing throws a soft shadow on what is behind it. */
export function shadow({ canvas }: PropSetting, path: Path): void {
  canvas.multiply(canvas.soften(canvas.mask(path), 0.014, 0.006, 0.01), [0.45, 0.43, 0.45], 0.55);
}

/** Fingers around something at (x, y); `size` is the height of the fist. */
export function hand(setting: PropSetting, x: number, y: number, size: number, sleeve?: Rgb): void {
  const { skin, light, side } = setting;
  const arm: Place[] = [
    [x + side * size * 0.2, y],
    [x + side * size * 0.75, y + size * 0.5],
    [x + side * size * 1.1, 1.1],
    [x + side * size * 0.05, 1.1],
    [x - side * size * 0.2, y + size * 0.5],
  ];
  put(setting, smooth(arm, true, 4), round(sleeve ?? skin, light, x + side * size * 0.4, size * 0.7, 0));
  for (let i = 0; i < 4; i++) {
    const fy = y - size * 0.36 + i * size * 0.25;
    const finger = ellipse(x, fy, size * 0.42, size * 0.15, 0.08 * side, 18);
    shadow(setting, finger);
    put(setting, finger, round(scale(skin, 1 - 0.05 * i), light, x, size * 0.5, 0.05));
  }
  put(
    setting,
    ellipse(x + side * size * 0.32, y - size * 0.25, size * 0.17, size * 0.36, side * 0.5, 16),
    round(skin, light, x + side * size * 0.3, size * 0.3, 0.05),
  );
}
