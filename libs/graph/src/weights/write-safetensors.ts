import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { toFloat16 } from './dtypes.ts';

export interface WrittenTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/**
 * Writes float32 tensors as a safetensors file, in float32 or rounded to float16, in the order given. The file appears whole or not at
 * all: it is written beside its place, brought to the disk, and renamed. A number that float16 cannot hold is an error.
 */
export function writeSafetensors(path: string, tensors: ReadonlyMap<string, WrittenTensor>, type: 'F32' | 'F16' = 'F32'): void {
  const itemSize = type === 'F32' ? 4 : 2;
  const header: Record<string, unknown> = {};
  let end = 0;
  for (const [key, { shape, values }] of tensors) {
    const begin = end;
    end += values.length * itemSize;
    header[key] = { dtype: type, shape, data_offsets: [begin, end] };
  }
  const json = Buffer.from(JSON.stringify(header));
  const head = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' '); // padded, so that the data is aligned
  head.writeBigUInt64LE(BigInt(head.length - 8));
  json.copy(head, 8);

  const partial = `${path}.${process.pid}.partial`;
  const descriptor = openSync(partial, 'w');
  try {
    write(descriptor, head);
    for (const [key, { values }] of tensors) write(descriptor, type === 'F32' ? values : halves(key, values));
    fsyncSync(descriptor);
    renameSync(partial, path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

/** What is no longer rounded to the largest number of float16, 65504. */
const largestHalf = 65520;

function halves(key: string, values: Float32Array): Uint16Array {
  const large = values.find((value) => Math.abs(value) >= largestHalf);
  if (large !== undefined) throw new RangeError(`"${key}" holds ${large}, which float16 cannot.`);
  return toFloat16(values);
}

function write(descriptor: number, { buffer, byteOffset, byteLength }: ArrayBufferView): void {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  for (let done = 0; done < byteLength;) done += writeSync(descriptor, bytes, done, Math.min(byteLength - done, 1 << 30));
}
