import type { WeightSource } from '@likeness/graph';

/** A source with these keys, each of one element: the place of its key in the list. */
export const namedWeights = (...keys: readonly string[]): WeightSource => ({
  name: 'test weights',
  fingerprint: 'test',
  keys,
  has: (key) => keys.includes(key),
  shape: (key) => (keys.includes(key) ? [1] : undefined),
  place: () => undefined,
  read: (key) => Float32Array.of(keys.indexOf(key)),
});

/** Which stored key each key of a view of `namedWeights` reads. */
export const readKeys = (view: WeightSource, stored: readonly string[]): Record<string, string> =>
  Object.fromEntries(view.keys!.map((key) => [key, stored[view.read(key, [1])[0]!]!]));
