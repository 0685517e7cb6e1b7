/** Light on surfaces: a key light with a direction, light from everywhere, and a little shine. */
import { clamp, mix, scale, type Rgb } from '../canvas/colour.ts';

export interface Light {
  /** Where the key light stands: radians to the picture's right, and above the horizon. */
  readonly azimuth: number;
  readonly elevation: number;
  /** 0 flat … 1 hard. */
  readonly contrast: number;
  readonly key: Rgb;
  readonly fill: Rgb;
}

/** What falls on a surface with a normal (x right, y down, z to the viewer, any length). */
export class Illumination {
  private readonly x: number;
  private readonly y: number;
  private readonly z: number;
  private readonly hx: number;
  private readonly hy: number;
  private readonly hz: number;
  readonly key: Rgb;
  readonly fill: Rgb;

  constructor({ azimuth, elevation, contrast, key, fill }: Light) {
    this.x = Math.sin(azimuth) * Math.cos(elevation);
    this.y = -Math.sin(elevation);
    this.z = Math.cos(azimuth) * Math.cos(elevation);
    const length = Math.hypot(this.x, this.y, this.z + 1);
    [this.hx, this.hy, this.hz] = [this.x / length, this.y / length, (this.z + 1) / length];
    this.key = scale(key, 0.58 + 0.66 * contrast);
    this.fill = mix(scale(fill, 0.6), scale(fill, 0.14), contrast);
  }

  /** The cosine to the key light, softened beyond the terminator as skin does, 0…1. */
  diffuse(nx: number, ny: number, nz: number): number {
    const inverse = 1 / Math.sqrt(nx * nx + ny * ny + nz * nz);
    return clamp(((nx * this.x + ny * this.y + nz * this.z) * inverse + 0.22) / 1.22);
  }

  /** Blinn's highlight: the cosine to the half-way vector to the power of `shine`. */
  highlight(nx: number, ny: number, nz: number, shine: number): number {
    const cosine = this.halfway(nx, ny, nz);
    return cosine > 0.5 ? cosine ** shine : 0;
  }

  /** The cosine between a normal and the vector half-way between light and viewer. */
  halfway(nx: number, ny: number, nz: number): number {
    return (nx * this.hx + ny * this.hy + nz * this.hz) / Math.sqrt(nx * nx + ny * ny + nz * nz);
  }

  /** Multiplies `out` with the light on a normal, less what is hidden from it. */
  shade(nx: number, ny: number, nz: number, open: number, out: Float32Array): void {
    const lit = this.diffuse(nx, ny, nz) * (0.35 + 0.65 * open);
    out[0]! *= this.key[0] * lit + this.fill[0] * open;
    out[1]! *= this.key[1] * lit + this.fill[1] * open;
    out[2]! *= this.key[2] * lit + this.fill[2] * open;
  }

  /** The horizontal direction, for shadows that are moved rather than computed. */
  get side(): number {
    return this.x;
  }
}
