/** Value noise from one fixed table: no state, so a place always has the same grain. */
import { Random } from '../random.ts';

const SIZE = 256;
const random = new Random(0x5eed);
const table = Float32Array.from({ length: SIZE * SIZE }, () => random.uniform(-1, 1));

/** −1…1, one random value per lattice point, smooth between. */
export function noise2(x: number, y: number): number {
  const xi = Math.floor(x);
  const yi = Math.floor(y);
  const fx = x - xi;
  const fy = y - yi;
  const sx = fx * fx * (3 - 2 * fx);
  const sy = fy * fy * (3 - 2 * fy);
  const x0 = xi & 255;
  const x1 = (xi + 1) & 255;
  const y0 = (yi & 255) << 8;
  const y1 = ((yi + 1) & 255) << 8;
  const top = table[y0 + x0]! + (table[y0 + x1]! - table[y0 + x0]!) * sx;
  const bottom = table[y1 + x0]! + (table[y1 + x1]! - table[y1 + x0]!) * sx;
  return top + (bottom - top) * sy;
}

/** Two octaves more. */
export const fractal = (x: number, y: number): number =>
  (noise2(x, y) + 0.5 * noise2(2.1 * x + 17, 2.1 * y + 5) + 0.25 * noise2(4.3 * x + 3, 4.3 * y + 31)) / 1.5;
