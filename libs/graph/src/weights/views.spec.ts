import { describe, expect, it } from 'vitest';
import { countingSource } from '../testing/tensors.ts';
import { merged, renamed, withoutPrefix } from './views.ts';

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

  it('merged reads from the first source that has the key', () => {
    const both = merged(countingSource({ other: [4] }), source);
    expect([both.shape('other'), both.shape('unet.a')]).toEqual([[4], [2]]);
    expect(both.keys).toEqual(['other', 'unet.a', 'unet.b']);
    expect(() => both.read('none', [1])).toThrow(expect.objectContaining({ code: 'weight_missing' }) as Error);
  });
});
