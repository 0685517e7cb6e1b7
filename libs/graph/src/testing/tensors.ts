import { elementCount } from '../weights/dtypes.ts';
import { WeightError } from '../weights/errors.ts';
import type { WeightSource } from '../weights/source.ts';

/** A weight source over a table of shapes; element i of every tensor is i. */
export function countingSource(shapes: Readonly<Record<string, readonly number[]>>): WeightSource {
  return {
    name: 'test weights',
    fingerprint: JSON.stringify(shapes),
    keys: Object.keys(shapes),
    has: (key) => Object.hasOwn(shapes, key),
    shape: (key) => shapes[key],
    place: () => undefined,
    read(key) {
      const shape = shapes[key];
      if (!shape) throw new WeightError('weight_missing', key);
      return Float32Array.from({ length: elementCount(shape) }, (_, i) => i);
    },
  };
}

/** A safetensors file from its header and data; an object is padded as the reference does, so that the data is aligned. */
export function safetensors(header: unknown, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const text = typeof header === 'string' ? header : JSON.stringify(header);
  const json = new TextEncoder().encode(typeof header === 'string' ? text : text.padEnd(Math.ceil(text.length / 8) * 8));
  const file = new Uint8Array(8 + json.length + data.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  file.set(data, 8 + json.length);
  return file;
}
