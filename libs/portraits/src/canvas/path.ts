/** Outlines, flat as x0, y0, x1, y1, … in the units of whoever draws them. */
export type Path = readonly number[];
export type Place = readonly [number, number];

/** Catmull–Rom through the points, `steps` pieces between two of them. */
export function smooth(points: readonly Place[], closed = true, steps = 6): Path {
  const n = points.length;
  const at = (i: number) => points[closed ? (i + n) % n : Math.min(n - 1, Math.max(0, i))]!;
  const path: number[] = [];
  for (let i = 0; i < (closed ? n : n - 1); i++) {
    const [a, b, c, d] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
    for (let s = 0; s < steps; s++) {
      const t = s / steps;
      for (const k of [0, 1] as const)
        path.push(
          0.5 *
            (2 * b[k] +
              (c[k] - a[k]) * t +
              (2 * a[k] - 5 * b[k] + 4 * c[k] - d[k]) * t * t +
              (3 * b[k] - a[k] - 3 * c[k] + d[k]) * t * t * t),
        );
    }
  }
  if (!closed) path.push(...at(n - 1));
  return path;
}

/** A shape with an upright axis at u = 0 from its right side. */
export const mirrored = (right: readonly Place[]): Place[] => [...right, ...right.map(([u, v]): Place => [-u, v]).toReversed()];

export const polygon = (points: readonly Place[]): Path => points.flat();

export function ellipse(x: number, y: number, rx: number, ry = rx, turn = 0, sides = 28): Path {
  const [c, s] = [Math.cos(turn), Math.sin(turn)];
  return Array.from({ length: sides }, (_, i) => {
    const [a, b] = [rx * Math.cos((2 * Math.PI * i) / sides), ry * Math.sin((2 * Math.PI * i) / sides)];
    return [x + a * c - b * s, y + a * s + b * c];
  }).flat();
}

export const rectangle = (x0: number, y0: number, x1: number, y1: number): Path => [x0, y0, x1, y0, x1, y1, x0, y1];

/** A line with a width at its start, middle and end. */
export function stroke(line: Path, widths: readonly [number, number, number]): Path {
  const count = line.length / 2;
  const left: number[] = [];
  const right: number[] = [];
  for (let i = 0; i < count; i++) {
    const a = Math.max(0, i - 1);
    const b = Math.min(count - 1, i + 1);
    const [dx, dy] = [line[2 * b]! - line[2 * a]!, line[2 * b + 1]! - line[2 * a + 1]!];
    const length = Math.hypot(dx, dy) || 1;
    const t = count === 1 ? 0 : i / (count - 1);
    const width = t < 0.5 ? widths[0] + (widths[1] - widths[0]) * 2 * t : widths[1] + (widths[2] - widths[1]) * (2 * t - 1);
    const [nx, ny] = [(-dy / length) * width * 0.5, (dx / length) * width * 0.5];
    left.push(line[2 * i]! + nx, line[2 * i + 1]! + ny);
    right.unshift(line[2 * i]! - nx, line[2 * i + 1]! - ny);
  }
  return [...left, ...right];
}

/** Every point sent through `map`. */
export function transform(path: Path, map: (x: number, y: number) => Place): Path {
  const out: number[] = [];
  for (let i = 0; i < path.length; i += 2) out.push(...map(path[i]!, path[i + 1]!));
  return out;
}
