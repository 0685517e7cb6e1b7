import { closeSync, ftruncateSync, mkdtempSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { openCheckpoint } from './open-checkpoint.ts';
import { writeSafetensors } from './write-safetensors.ts';

const folder = mkdtempSync(join(tmpdir(), 'safetensors-'));
afterAll(() => rmSync(folder, { recursive: true }));

const tensors = new Map([
  ['a.weight', { shape: [2, 2], values: Float32Array.of(1, -2, 1 / 3, 1e-9) }],
  ['a.bias', { shape: [1], values: Float32Array.of(0.1) }],
  ['empty', { shape: [0, 3], values: new Float32Array(0) }],
]);

it('writes what the strict reader reads', () => {
  const path = join(folder, 'whole.safetensors');
  writeSafetensors(path, tensors);
  const checkpoint = openCheckpoint(path);
  expect(checkpoint.keys).toEqual([...tensors.keys()]);
  for (const [key, { shape, values }] of tensors) expect(checkpoint.read(key, shape)).toEqual(values);
  expect(checkpoint.place('a.weight')).toMatchObject({ byteLength: 16 }); // can be used where it lies
  checkpoint.close();
});

it('is read beyond four gigabytes', () => {
  const path = join(folder, 'large.safetensors');
  const large = 5 * 2 ** 30;
  const header = JSON.stringify({
    large: { dtype: 'U8', shape: [large], data_offsets: [0, large] },
    last: { dtype: 'F32', shape: [2], data_offsets: [large, large + 8] },
  });
  const file = openSync(path, 'w');
  writeSync(file, Buffer.concat([new Uint8Array(new BigUint64Array([BigInt(header.length)]).buffer), Buffer.from(header)]));
  ftruncateSync(file, 8 + header.length + large); // a hole: no disk is written
  writeSync(file, new Uint8Array(Float32Array.of(1, 2).buffer), 0, 8, 8 + header.length + large);
  closeSync(file);
  const checkpoint = openCheckpoint(path);
  expect(checkpoint.read('last', [2])).toEqual(Float32Array.of(1, 2));
  checkpoint.close();
  rmSync(path);
});

it('rounds to halves', () => {
  const path = join(folder, 'half.safetensors');
  writeSafetensors(path, tensors, 'F16');
  const checkpoint = openCheckpoint(path);
  expect([...checkpoint.read('a.weight')]).toEqual([1, -2, 0.333251953125, 0]);
  expect(checkpoint.tensors.get('a.weight')!.type).toBe('F16');
  checkpoint.close();
});

it('does not write an infinity where there was a number', () => {
  const large = new Map([['a', { shape: [2], values: Float32Array.of(1, 70_000) }]]);
  expect(() => writeSafetensors(join(folder, 'large.safetensors'), large, 'F16')).toThrow('"a" holds 70000, which float16 cannot.');
});

it('leaves the file that was there when it fails', () => {
  const path = join(folder, 'whole.safetensors');
  const unreadable = {
    length: 1,
    get buffer(): never {
      throw new Error('gone');
    },
  };
  expect(() => writeSafetensors(path, new Map([['a', { shape: [1], values: unreadable as unknown as Float32Array }]]))).toThrow('gone');
  expect(readdirSync(folder).toSorted()).toEqual(['half.safetensors', 'whole.safetensors']);
});
