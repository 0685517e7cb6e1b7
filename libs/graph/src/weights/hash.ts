import { elementCount } from './dtypes.ts';
import type { WeightSource } from './source.ts';

export interface HashOptions {
  /** Factor on tensors of two and more dimensions. */
  readonly gain?: number | undefined;
  /** Key parts that mark PReLU slopes. */
  readonly prelu?: readonly string[] | undefined;
}

/**
 * Weights that follow from key and seed alone, so that an architecture can be checked at full size without a checkpoint:
 * uniform numbers of a counter-based hash, scaled by what the key's ending says the tensor is.
 */
export function hashWeights(seed: number, { gain = 1, prelu = [] }: HashOptions = {}): WeightSource {
  const rule = `hash ${seed} gain ${gain} prelu ${prelu.join(' ')}`;
  return {
    name: `hash weights of seed ${seed}`,
    fingerprint: rule,
    keys: undefined,
    has: () => true,
    shape: () => undefined,
    place: () => undefined,
    read(key, shape) {
      const values = new Float32Array(elementCount(shape));
      const [scale, offset, signed] = range(key, shape, gain, prelu);
      let counter = fnv1a(key) ^ seed;
      for (let i = 0; i < values.length; i++, counter = (counter + 0x9e3779b9) | 0) {
        let x = counter;
        x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
        x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
        const u = ((x ^ (x >>> 16)) >>> 8) / 2 ** 24;
        values[i] = offset + scale * (signed ? 2 * u - 1 : u);
      }
      return values;
    },
  };
}

/** value = offset + scale · (v in −1…1, or u in 0…1) */
function range(
  key: string,
  shape: readonly number[],
  gain: number,
  prelu: readonly string[],
): [scale: number, offset: number, signed: boolean] {
  if (key.endsWith('running_var')) return [0.5, 1, false];
  if (key.endsWith('running_mean')) return [0.1, 0, true];
  if (key.endsWith('num_batches_tracked')) return [0, 0, true];
  if (shape.length > 1) return [gain * Math.sqrt(3 / elementCount(shape.slice(1))), 0, true];
  if (!key.endsWith('.weight')) return [0.1, 0, true];
  return key.split('.').some((part) => prelu.includes(part)) ? [0.05, 0.25, true] : [0.1, 1, true];
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}
