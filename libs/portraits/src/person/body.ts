/** Ears, neck and shoulders. */
import type { Canvas } from '../canvas/canvas.ts';
import { clamp, scale, type Rgb } from '../canvas/colour.ts';
import { ellipse, polygon, smooth, stroke, transform, type Path, type Place } from '../canvas/path.ts';
import { labels } from '../labels.ts';
import type { Head } from './head.ts';
import { isWoman } from './identity.ts';
import type { Illumination } from './light.ts';

export interface BodySetting {
  readonly canvas: Canvas;
  readonly head: Head;
  readonly skin: Rgb;
  readonly light: Illumination;
}

/** Places of the trunk: upright under the head, in half heights of it; (0, 0) is under the chin on the axis of the neck. */
export class Trunk {
  private readonly x: number;
  private readonly y: number;
  private readonly scale: number;
  /** Half widths. */
  readonly neck: number;
  readonly shoulders: number;

  constructor({ pose, identity }: Head) {
    const woman = isWoman(identity);
    this.scale = pose.scale;
    this.x = pose.x - Math.sin(pose.roll) * pose.scale * 0.7 - Math.sin(pose.yaw) * pose.scale * 0.12;
    this.y = pose.y + pose.scale * 0.94;
    this.neck = identity.faceWidth * (woman ? 0.5 : 0.62);
    this.shoulders = woman ? 1.48 : 1.75;
  }

  readonly at = (u: number, v: number): Place => [this.x + u * this.scale, this.y + v * this.scale];

  /** Coordinates of a place of the frame. */
  across(x: number): number {
    return (x - this.x) / this.scale;
  }

  down(y: number): number {
    return (y - this.y) / this.scale;
  }

  /** The line of the shoulders from the neck out, without the neck. `rise` lifts it, as cloth of some thickness does. */
  shoulder(rise = 0, wide = 0): Path {
    const { neck, shoulders } = this;
    const right: Place[] = [
      [neck * 1.02 + wide * 0.4, 0.16 - rise],
      [neck * 1.35 + wide, 0.31 - rise],
      [shoulders * 0.8 + wide, 0.46 - rise],
      [shoulders + wide, 0.72 - rise],
      [shoulders * 1.12 + wide, 1.6],
    ];
    const left = right.map(([u, v]): Place => [-u, v]).toReversed();
    return transform([...smooth(right, false, 5), ...smooth(left, false, 5)], this.at);
  }
}

export function drawEars({ canvas, head, skin, light }: BodySetting): void {
  const { faceWidth: w, earSize } = head.identity;
  for (const side of [-1, 1] as const) {
    const at = (u: number, v: number) => head.at(side * (w * 0.97 + u), 0.06 + v, -0.3);
    const points: Place[] = [
      [-0.06, -earSize * 0.8],
      [0.04, -earSize],
      [0.13, -earSize * 0.8],
      [0.15, -earSize * 0.2],
      [0.09, earSize * 0.5],
      [0.04, earSize],
      [-0.04, earSize * 0.85],
    ];
    const shape = canvas.mask(transform(smooth(points, true, 4), at));
    const tone = light.diffuse(side * 0.8, 0, 0.6);
    const lit = (k: number): Rgb => [
      skin[0] * k * (light.key[0] * tone + light.fill[0]),
      skin[1] * k * 0.86 * (light.key[1] * tone + light.fill[1]),
      skin[2] * k * 0.84 * (light.key[2] * tone + light.fill[2]),
    ];
    canvas.fill(shape, lit(0.92), { label: side < 0 ? labels.l_ear : labels.r_ear });
    const rim: Place[] = [
      [0.0, -earSize * 0.6],
      [0.08, -earSize * 0.55],
      [0.09, -earSize * 0.05],
      [0.03, earSize * 0.45],
    ];
    canvas.fill(stroke(transform(smooth(rim, false, 4), at), [0.004, 0.012, 0.004]), lit(0.5), { soft: 0.003, opacity: 0.8 });
    canvas.fill(transform(ellipse(0.0, 0.02, 0.035, earSize * 0.35), at), lit(0.42), { soft: 0.004, opacity: 0.8 });
  }
}

/** The neck and the bare shoulders, in the shadow of the chin. */
export function drawNeck({ canvas, head, skin, light }: BodySetting): void {
  const trunk = new Trunk(head);
  const { neck } = trunk;
  const column = polygon([
    [neck, -0.75],
    [neck * 0.95, -0.1],
    [neck * 1.08, 0.2],
    [-neck * 1.08, 0.2],
    [-neck * 0.95, -0.1],
    [-neck, -0.75],
  ]);
  const shade = (x: number, y: number, out: Float32Array): void => {
    const u = trunk.across(x);
    const v = trunk.down(y);
    const wide = v < 0.25 ? neck * 1.1 : neck * 1.1 + (v - 0.25) * 2.2;
    const nx = clamp(u / wide, -1, 1);
    const nz = Math.sqrt(1.05 - nx * nx);
    const tendon = 0.06 * Math.exp(-(((Math.abs(u) - neck * 0.42 * (1 - v * 0.6)) / 0.05) ** 2));
    const bones = v > 0.3 ? 0.1 * Math.exp(-(((v - 0.42 - 0.12 * Math.abs(u)) / 0.035) ** 2)) : 0;
    const tone = light.diffuse(nx * 0.9, -0.15 * v, nz) * 0.92 + tendon + bones;
    for (let k = 0; k < 3; k++) out[k] = skin[k as 0] * (light.key[k as 0] * tone + light.fill[k as 0]) * (k === 0 ? 0.97 : 0.92);
  };
  canvas.fill(trunk.shoulder(), shade, { label: labels.neck });
  canvas.fill(transform(column, trunk.at), shade, { label: labels.neck });
  const under = canvas.mask(transform(ellipse(light.side * -0.1, 0.02, neck * 1.05, 0.24), trunk.at));
  canvas.multiply(canvas.soften(under, 0.022), scale([1, 0.86, 0.84], 0.42), 0.85);
}
