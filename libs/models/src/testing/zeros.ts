import type { WeightSource } from '@likeness/graph';

/** A source with these keys and shapes, all zeros. */
export const zeros = (shapes: Readonly<Record<string, readonly number[]>>): WeightSource => ({
  name: 'test weights',
  fingerprint: 'test',
  keys: Object.keys(shapes),
  has: (key) => key in shapes,
  shape: (key) => shapes[key],
  place: () => undefined,
  read: (_, shape) => new Float32Array(shape.reduce((n, d) => n * d, 1)),
});
