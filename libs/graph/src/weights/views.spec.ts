import { describe, expect, it } from 'vitest';
import { countingSource } from '../testing/tensors.ts';
import { renamed, sharded, withoutPrefix } from './views.ts';

const source = countingSource({ 'unet.a': [2], 'unet.b': [3], other: [1] });

describe('views of a source', () => {
  it('withoutPrefix shows one part under its own names', () => {
    const part = withoutPrefix(source, 'unet.');
    expect(part.keys).toEqual(['a', 'b']);
    expect([part.has('a'), part.has('other'), part.shape('b')]).toEqual([true, false, [3]]);
    expect([...part.read('b', [3])]).toEqual([0, 1, 2]);
    expect(part.fingerprint).not.toBe(source.fingerprint);
  });

  it('renamed reads by the new name', () => {
    const newer = renamed(source, source.keys!, (key) => key.replace('unet.', 'model.'));
    expect(newer.keys).toEqual(['model.a', 'model.b', 'other']);
    expect([newer.has('model.a'), newer.has('unet.a')]).toEqual([true, false]);
    expect(newer.shape('model.b')).toEqual([3]);
  });

  it('renamed refuses two keys of one name', () => {
    expect(() => renamed(source, source.keys!, () => 'same')).toThrow(/both "same"/);
  });

  it('sharded reads every key from the part that the index gives it', () => {
    const other = countingSource({ 'unet.c': [4] });
    const owners = new Map([['unet.c', other], ...source.keys!.map((key) => [key, source] as const)]);
    const whole = sharded('model.safetensors.index.json', owners);
    expect([whole.shape('unet.c'), whole.shape('unet.a'), whole.has('none')]).toEqual([[4], [2], false]);
    expect(whole.keys).toEqual(['unet.c', 'unet.a', 'unet.b', 'other']);
    expect([...whole.read('unet.c', [4])]).toEqual([0, 1, 2, 3]);
    expect(() => whole.read('none', [1])).toThrow(expect.objectContaining({ code: 'weight_missing' }) as Error);
  });

  it('sharded refuses an index that its parts contradict', () => {
    const missing = new Map([['unet.z', source]]);
    expect(() => sharded('index.json', missing)).toThrow(/test weights has no tensor "unet.z", which index.json places there/);
    const partial = new Map([['unet.a', source]]);
    expect(() => sharded('index.json', partial)).toThrow(/"unet.b" is not placed there by index.json/);
  });
});
