import { float32 } from '@likeness/inference';
import { describe, expect, it } from 'vitest';
import { joinTokens, readTensors, stackRows, tensorOf, writeTensors } from './safetensors.ts';

const a = float32([1, 2, 3], Float32Array.of(1, 2, 3, 4, 5, 6));
const b = float32([1, 1, 3], Float32Array.of(7, 8, 9));

describe('tensor files', () => {
  it('come back as they went', () => {
    const file = writeTensors({ a, b, none: float32([0]) }, { made_by: 'test' });
    const read = readTensors(file);
    expect(Object.keys(read.tensors)).toEqual(['a', 'b', 'none']);
    expect(read.metadata).toEqual({ made_by: 'test' });
    expect(tensorOf(read, 'a')).toEqual(a);
    expect(tensorOf(read, 'b')).toEqual(b);
    expect(Buffer.from(writeTensors({ a, b, none: float32([0]) }, { made_by: 'test' })).equals(file)).toBe(true);
  });

  it('hold float64 and bytes as well, at any offset', () => {
    const odd = { dtype: 'uint8', dims: [3], data: Uint8Array.of(1, 2, 255) } as const;
    const fine = { dtype: 'float64', dims: [2], data: Float64Array.of(Math.PI, -0) } as const;
    expect(readTensors(writeTensors({ odd, fine, b })).tensors).toEqual({ odd, fine, b });
    expect(() => tensorOf(readTensors(writeTensors({ fine })), 'fine')).toThrow('lacks "fine" as float32');
  });

  it('are read from the middle of a buffer too', () => {
    const file = writeTensors({ b });
    const shifted = Buffer.concat([Buffer.alloc(3), file]).subarray(3);
    expect(tensorOf(readTensors(shifted), 'b')).toEqual(b);
  });

  it.each([
    ['cut', (f: Uint8Array) => f.subarray(0, f.length - 1)],
    ['too short', (f: Uint8Array) => f.subarray(0, 4)],
    ['a header beyond the end', (f: Uint8Array) => f.subarray(0, 20)],
    ['something else', () => Buffer.from('{"not": "a tensor file at all, by any means"}')],
    ['another element type', (f: Uint8Array) => Buffer.from(Buffer.from(f).toString('latin1').replace('F32', 'I32'), 'latin1')],
    ['a negative offset', (f: Uint8Array) => Buffer.from(Buffer.from(f).toString('latin1').replace('[0,24]', '[-9,1]'), 'latin1')],
  ])('are refused when %s', (_, damage) => {
    expect(() => readTensors(damage(writeTensors({ a })))).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });

  it('name what they have when a tensor is missing', () => {
    expect(() => tensorOf(readTensors(writeTensors({ a, b })), 'c')).toThrow('lacks "c" as float32; it has a, b');
  });
});

describe('joining', () => {
  it('stacks rows and joins tokens', () => {
    expect(stackRows(a, a).dims).toEqual([2, 2, 3]);
    expect(joinTokens(a, b)).toEqual(float32([1, 3, 3], Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9)));
  });
});
