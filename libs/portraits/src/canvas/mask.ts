import type { Path } from './path.ts';

/** How much of every pixel of a rectangle of the canvas is covered, 0…1, row-major. */
export interface Mask {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly alpha: Float32Array;
}

/**
 * The exact coverage of an outline (non-zero winding, for one that does not wind twice the same pixel), by the signed-area accumulation of
 * Raph Levien's font-rs. `side` is the canvas's, in pixels; the path is in units of it.
 */
export function coverage(path: Path, side: number): Mask {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < path.length; i += 2) {
    left = Math.min(left, path[i]!);
    right = Math.max(right, path[i]!);
    top = Math.min(top, path[i + 1]!);
    bottom = Math.max(bottom, path[i + 1]!);
  }
  const x = Math.max(0, Math.floor(left * side));
  const y = Math.max(0, Math.floor(top * side));
  const width = Math.max(0, Math.min(side, Math.ceil(right * side)) - x);
  const height = Math.max(0, Math.min(side, Math.ceil(bottom * side)) - y);
  if (!(width > 0 && height > 0)) return { x: 0, y: 0, width: 0, height: 0, alpha: new Float32Array(0) };

  const stride = width + 2;
  const area = scratch(stride * height).fill(0);
  const n = path.length;
  for (let i = 0; i < n; i += 2) {
    const j = (i + 2) % n;
    addEdge(area, width, height, path[i]! * side - x, path[i + 1]! * side - y, path[j]! * side - x, path[j + 1]! * side - y);
  }
  const alpha = new Float32Array(width * height);
  for (let row = 0; row < height; row++) {
    let sum = 0;
    for (let column = 0; column < width; column++) {
      sum += area[row * stride + column]!;
      const covered = sum < 0 ? -sum : sum;
      alpha[row * width + column] = covered > 1 ? 1 : covered;
    }
  }
  return { x, y, width, height, alpha };
}

/** Adds what an edge covers to its right, as differences along each row. */
function addEdge(area: Float32Array, width: number, height: number, ax: number, ay: number, bx: number, by: number): void {
  if (ay === by) return;
  const sign = ay < by ? 1 : -1;
  if (sign < 0) [ax, ay, bx, by] = [bx, by, ax, ay];
  const slope = (bx - ax) / (by - ay);
  let x = ay < 0 ? ax - ay * slope : ax;
  const last = Math.min(height, Math.ceil(by));
  for (let row = Math.max(0, Math.floor(ay)); row < last; row++) {
    const dy = Math.min(row + 1, by) - Math.max(row, ay);
    const next = x + slope * dy;
    addSpan(area, row * (width + 2), width, Math.min(x, next), Math.max(x, next), dy * sign);
    x = next;
  }
}

function addSpan(area: Float32Array, line: number, width: number, low: number, high: number, d: number): void {
  low = low < 0 ? 0 : low > width ? width : low;
  high = high < 0 ? 0 : high > width ? width : high;
  const first = Math.floor(low);
  const end = Math.ceil(high);
  if (end <= first + 1) {
    const middle = 0.5 * (low + high) - first;
    area[line + first]! += d - d * middle;
    area[line + first + 1]! += d * middle;
    return;
  }
  const s = 1 / (high - low);
  const start = 1 - (low - first);
  const a0 = 0.5 * s * start * start;
  const finish = high - end + 1;
  const am = 0.5 * s * finish * finish;
  area[line + first]! += d * a0;
  if (end === first + 2) area[line + first + 1]! += d * (1 - a0 - am);
  else {
    const a1 = s * (1.5 - (low - first));
    area[line + first + 1]! += d * (a1 - a0);
    for (let i = first + 2; i < end - 1; i++) area[line + i]! += d * s;
    area[line + end - 1]! += d * (1 - (a1 + (end - first - 3) * s) - am);
  }
  area[line + end]! += d * am;
}

/** Both: the product of the two where they overlap. */
export function intersect(a: Mask, b: Mask): Mask {
  const x = Math.max(a.x, b.x);
  const y = Math.max(a.y, b.y);
  const width = Math.max(0, Math.min(a.x + a.width, b.x + b.width) - x);
  const height = Math.max(0, Math.min(a.y + a.height, b.y + b.height) - y);
  const alpha = new Float32Array(width * height);
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++)
      alpha[row * width + column] =
        a.alpha[(y + row - a.y) * a.width + x + column - a.x]! * b.alpha[(y + row - b.y) * b.width + x + column - b.x]!;
  return { x, y, width, height, alpha };
}

/** `a` without what `b` covers. */
export function subtract(a: Mask, b: Mask): Mask {
  const alpha = a.alpha.slice();
  const y1 = Math.min(a.y + a.height, b.y + b.height);
  const x1 = Math.min(a.x + a.width, b.x + b.width);
  for (let y = Math.max(a.y, b.y); y < y1; y++)
    for (let x = Math.max(a.x, b.x); x < x1; x++) alpha[(y - a.y) * a.width + x - a.x]! *= 1 - b.alpha[(y - b.y) * b.width + x - b.x]!;
  return { ...a, alpha };
}

/** Moved by (dx, dy) pixels and blurred by two boxes of `radius` pixels, on a rectangle grown to hold it within `side`. */
export function soften(mask: Mask, radius: number, side: number, dx = 0, dy = 0): Mask {
  const r = Math.max(1, Math.round(radius));
  const x = Math.max(0, mask.x + dx - 2 * r);
  const y = Math.max(0, mask.y + dy - 2 * r);
  const width = Math.max(0, Math.min(side, mask.x + dx + mask.width + 2 * r) - x);
  const height = Math.max(0, Math.min(side, mask.y + dy + mask.height + 2 * r) - y);
  const alpha = new Float32Array(width * height);
  for (let row = 0; row < mask.height; row++) {
    const to = mask.y + dy + row - y;
    if (to < 0 || to >= height) continue;
    for (let column = 0; column < mask.width; column++) {
      const at = mask.x + dx + column - x;
      if (at >= 0 && at < width) alpha[to * width + at] = mask.alpha[row * mask.width + column]!;
    }
  }
  for (let pass = 0; pass < 2; pass++) boxBlur(alpha, width, height, r);
  return { x, y, width, height, alpha };
}

/** A mean over squares of 2r + 1, in place; beyond the border its values repeat. */
export function boxBlur(values: Float32Array, width: number, height: number, r: number): void {
  if (width === 0 || height === 0) return;
  const share = 1 / (2 * r + 1);
  const lines = scratch(width * height);
  for (let row = 0; row < height; row++) {
    const first = row * width;
    const last = first + width - 1;
    let sum = 0;
    for (let i = -r; i <= r; i++) sum += values[first + Math.min(width - 1, Math.max(0, i))]!;
    for (let at = first; at <= last; at++) {
      lines[at] = sum * share;
      sum += values[Math.min(last, at + r + 1)]! - values[Math.max(first, at - r)]!;
    }
  }
  // Down the columns all at once, row by row, as memory lies.
  const sums = new Float64Array(width);
  for (let i = -r; i <= r; i++) addRow(sums, lines, Math.min(height - 1, Math.max(0, i)) * width, width);
  for (let row = 0; row < height; row++) {
    const below = Math.min(height - 1, row + r + 1) * width;
    const above = Math.max(0, row - r) * width;
    for (let column = 0, at = row * width; column < width; column++, at++) {
      values[at] = sums[column]! * share;
      sums[column]! += lines[below + column]! - lines[above + column]!;
    }
  }
}

function addRow(sums: Float64Array, lines: Float32Array, from: number, width: number): void {
  for (let column = 0; column < width; column++) sums[column]! += lines[from + column]!;
}

/** Memory for the middle of one computation, kept for the next: half of what drawing would allocate. */
let kept = new Float32Array(0);
function scratch(length: number): Float32Array {
  if (kept.length < length) kept = new Float32Array(2 * length);
  return kept.subarray(0, length);
}
