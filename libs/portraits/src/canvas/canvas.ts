import { encode, type Rgb } from './colour.ts';
import { coverage, soften, type Mask } from './mask.ts';
import type { Path } from './path.ts';

/** The colour at a place of the frame (0…1 from the left and the top), written to `out`. */
export type Shader = (x: number, y: number, out: Float32Array) => void;
export type Paint = Rgb | Shader;

export interface FillOptions {
  /** 0…1. Default: 1. */
  readonly opacity?: number;
  /** Radius of a soft edge, in units of the frame. */
  readonly soft?: number;
  /** What the label map says where this covers more than half of a pixel. */
  readonly label?: number;
}

/** A square picture in linear light with a label map beside it. Places and sizes are in units of its side. */
export class Canvas {
  readonly side: number;
  readonly red: Float32Array;
  readonly green: Float32Array;
  readonly blue: Float32Array;
  readonly labels: Uint8Array;
  private readonly out = new Float32Array(3);

  constructor(side: number) {
    this.side = side;
    this.red = new Float32Array(side * side);
    this.green = new Float32Array(side * side);
    this.blue = new Float32Array(side * side);
    this.labels = new Uint8Array(side * side);
  }

  mask(path: Path): Mask {
    return coverage(path, this.side);
  }

  /** `mask` with an edge of `radius`, moved by (dx, dy). */
  soften(mask: Mask, radius: number, dx = 0, dy = 0): Mask {
    return soften(mask, radius * this.side, this.side, Math.round(dx * this.side), Math.round(dy * this.side));
  }

  fill(shape: Path | Mask, paint: Paint, { opacity = 1, soft = 0, label }: FillOptions = {}): void {
    const sharp = 'alpha' in shape ? shape : this.mask(shape);
    if (label !== undefined) this.label(sharp, label);
    const mask = soft > 0 ? this.soften(sharp, soft) : sharp;
    if (typeof paint === 'function') this.shade(mask, paint, opacity);
    else this.tint(mask, paint, opacity);
  }

  /** Multiplies what is there with `factor` where the mask covers it: shadows and coloured light. */
  multiply({ x, y, width, height, alpha }: Mask, factor: Rgb, opacity = 1): void {
    const { red, green, blue, side } = this;
    const [r, g, b] = [factor[0] - 1, factor[1] - 1, factor[2] - 1];
    for (let row = 0, i = 0; row < height; row++)
      for (let column = 0, at = (y + row) * side + x; column < width; column++, i++, at++) {
        const a = alpha[i]! * opacity;
        if (a === 0) continue;
        red[at]! *= 1 + r * a;
        green[at]! *= 1 + g * a;
        blue[at]! *= 1 + b * a;
      }
  }

  label({ x, y, width, height, alpha }: Mask, label: number): void {
    for (let row = 0, i = 0; row < height; row++)
      for (let column = 0, at = (y + row) * this.side + x; column < width; column++, i++, at++)
        if (alpha[i]! > 0.5) this.labels[at] = label;
  }

  private tint({ x, y, width, height, alpha }: Mask, [r, g, b]: Rgb, opacity: number): void {
    const { red, green, blue, side } = this;
    for (let row = 0, i = 0; row < height; row++)
      for (let column = 0, at = (y + row) * side + x; column < width; column++, i++, at++) {
        const a = alpha[i]! * opacity;
        if (a === 0) continue;
        red[at]! += (r - red[at]!) * a;
        green[at]! += (g - green[at]!) * a;
        blue[at]! += (b - blue[at]!) * a;
      }
  }

  /** The shader sees the colour that is there in `out`, so it may change it instead of covering it. */
  private shade({ x, y, width, height, alpha }: Mask, shader: Shader, opacity: number): void {
    const { red, green, blue, side, out } = this;
    for (let row = 0, i = 0; row < height; row++)
      for (let column = 0, at = (y + row) * side + x; column < width; column++, i++, at++) {
        const a = alpha[i]! * opacity;
        if (a < 0.002) continue;
        out[0] = red[at]!;
        out[1] = green[at]!;
        out[2] = blue[at]!;
        shader((x + column + 0.5) / side, (y + row + 0.5) / side, out);
        red[at]! += (out[0] - red[at]!) * a;
        green[at]! += (out[1] - green[at]!) * a;
        blue[at]! += (out[2] - blue[at]!) * a;
      }
  }

  /** Covers everything with another canvas, stretched with bilinear interpolation: a smaller one comes out as out of focus. */
  cover(other: Canvas): void {
    const { side } = this;
    const at = new Int32Array(side);
    const next = new Int32Array(side);
    const part = new Float32Array(side);
    for (let i = 0; i < side; i++) {
      const place = Math.min(other.side - 1, Math.max(0, ((i + 0.5) * other.side) / side - 0.5));
      at[i] = Math.floor(place);
      next[i] = Math.min(other.side - 1, at[i]! + 1);
      part[i] = place - at[i]!;
    }
    for (const plane of planes) stretch(this[plane], other[plane], side, other.side, at, next, part);
  }

  /** Area means of `factor`×`factor` pixels; of the labels the most frequent one. */
  reduce(factor: number): Canvas {
    const small = new Canvas(this.side / factor);
    const share = 1 / (factor * factor);
    const counts = new Uint8Array(32);
    for (let y = 0; y < small.side; y++)
      for (let x = 0; x < small.side; x++) {
        const to = y * small.side + x;
        let best = 0;
        counts.fill(0);
        for (let dy = 0; dy < factor; dy++)
          for (let dx = 0; dx < factor; dx++) {
            const from = (y * factor + dy) * this.side + x * factor + dx;
            small.red[to]! += this.red[from]! * share;
            small.green[to]! += this.green[from]! * share;
            small.blue[to]! += this.blue[from]! * share;
            const label = this.labels[from]!;
            if (++counts[label]! > counts[best]! || counts[best] === 0) best = label;
          }
        small.labels[to] = best;
      }
    return small;
  }

  /** RGB bytes in sRGB. */
  pixels(): Uint8Array {
    const out = new Uint8Array(this.red.length * 3);
    for (let i = 0; i < this.red.length; i++) {
      out[3 * i] = encode(this.red[i]!);
      out[3 * i + 1] = encode(this.green[i]!);
      out[3 * i + 2] = encode(this.blue[i]!);
    }
    return out;
  }
}

/** One plane by rows: first across, at the two rows of the source, then down between them. */
function stretch(
  to: Float32Array,
  from: Float32Array,
  side: number,
  sourceSide: number,
  at: Int32Array,
  next: Int32Array,
  part: Float32Array,
): void {
  for (let y = 0, i = 0; y < side; y++) {
    const top = at[y]! * sourceSide;
    const bottom = next[y]! * sourceSide;
    const down = part[y]!;
    for (let x = 0; x < side; x++, i++) {
      const l = at[x]!;
      const r = next[x]!;
      const across = part[x]!;
      const a = from[top + l]! + (from[top + r]! - from[top + l]!) * across;
      const b = from[bottom + l]! + (from[bottom + r]! - from[bottom + l]!) * across;
      to[i] = a + (b - a) * down;
    }
  }
}

export const planes = ['red', 'green', 'blue'] as const;
