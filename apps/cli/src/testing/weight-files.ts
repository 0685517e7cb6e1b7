/** Checkpoint files as other programs write them. */
import { writeFile } from 'node:fs/promises';
import { p, safetensors, torchLegacy, torchZip, type Piece } from '@likeness/graph/testing';
import type { StoredArray, Tensors } from './tiny-weights.ts';

export type Precision = 'F32' | 'F16' | 'BF16';

/** Which precision a key is stored in. */
export type PrecisionOf = (key: string) => Precision;

const itemSize = { F32: 4, F16: 2, BF16: 2 };
const storageClass = { F32: 'FloatStorage', F16: 'HalfStorage', BF16: 'BFloat16Storage' };

export async function writeSafetensors(path: string, tensors: Tensors, precisionOf: PrecisionOf): Promise<void> {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  let end = 0;
  const data = [...tensors].map(([key, { shape, values }]) => {
    const dtype = precisionOf(key);
    header[key] = { dtype, shape, data_offsets: [end, (end += values.length * itemSize[dtype])] };
    return bytesIn(values, dtype);
  });
  await writeFile(path, safetensors(header, Buffer.concat(data)));
}

/** `tree` may hold tables of tensors within tables, as ConsistentID's file does. `legacy`: torch's format before 1.6. */
export async function writeTorch(path: string, tree: Tree, precisionOf: PrecisionOf, { legacy = false } = {}): Promise<void> {
  const storages: Record<string, { count: number; data: Uint8Array }> = {};
  const pickle = (branch: Tree, prefix: string): Piece =>
    p.ordered(
      ...[...branch].map(([key, item]): Piece => [
        p.text(key),
        item instanceof Map ? pickle(item as Tree, `${prefix}${key}.`) : tensor(item as StoredArray, prefix + key),
      ]),
    );
  const tensor = ({ shape, values }: StoredArray, key: string): Piece => {
    const dtype = precisionOf(key);
    const name = String(Object.keys(storages).length);
    storages[name] = { count: values.length, data: bytesIn(values, dtype) };
    return p.tensor(
      p.storage(name, values.length, storageClass[dtype]),
      0,
      shape,
      shape.map((_, i) => shape.slice(i + 1).reduce((n, d) => n * d, 1)),
    );
  };
  const value = pickle(tree, '');
  const data = Object.fromEntries(Object.entries(storages).map(([name, storage]) => [name, storage.data]));
  await writeFile(path, legacy ? torchLegacy(value, storages) : torchZip(value, data));
}

export type Tree = ReadonlyMap<string, StoredArray | Tree>;

function bytesIn(values: Float32Array, precision: Precision): Uint8Array {
  if (precision === 'F32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const source = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return new Uint8Array(Uint16Array.from(source, precision === 'BF16' ? (bits) => bits >>> 16 : halfBits).buffer);
}

/** float32 → float16 of a number that float16 has exactly and that is normal there. */
function halfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  return (bits & 0x7fffffff) === 0 ? sign : sign | ((((bits >>> 23) & 0xff) - 112) << 10) | ((bits >>> 13) & 0x3ff);
}
