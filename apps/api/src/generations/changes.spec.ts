import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { SharedLooks } from './changes.ts';

/** A look that the test ends; `begun` counts how often it was begun. */
function slowLook(name: string) {
  const begun: PromiseWithResolvers<number>[] = [];
  const look = () => {
    const looking = Promise.withResolvers<number>();
    begun.push(looking);
    return looking.promise;
  };
  return { begun, name, look };
}

describe('looks that are shared', () => {
  it('are one for all who ask before it begins, and a second one for all who ask while it is under way', async () => {
    const looks = new SharedLooks(4);
    const slow = slowLook('a');
    const first = [looks.share(slow), looks.share(slow)];
    await turn();
    const second = Array.from({ length: 100 }, () => looks.share(slow));
    await turn();
    expect(slow.begun).toHaveLength(1); // what those of the second see must not be older than their question
    slow.begun[0]?.resolve(1);
    expect(await Promise.all(first)).toEqual([1, 1]);
    await turn();
    slow.begun[1]?.resolve(2);
    expect(new Set(await Promise.all(second))).toEqual(new Set([2]));
    expect(slow.begun).toHaveLength(2);
  });

  it('of different names are so many at once, the others in line', async () => {
    const looks = new SharedLooks(2);
    const slow = ['a', 'b', 'c', 'd'].map(slowLook);
    const all = slow.map((look) => looks.share(look));
    await turn();
    expect(slow.map(({ begun }) => begun.length)).toEqual([1, 1, 0, 0]);
    slow[1]?.begun[0]?.resolve(1);
    await turn();
    expect(slow.map(({ begun }) => begun.length)).toEqual([1, 1, 1, 0]);
    slow[0]?.begun[0]?.resolve(0);
    slow[2]?.begun[0]?.resolve(2);
    await turn();
    slow[3]?.begun[0]?.resolve(3);
    expect(await Promise.all(all)).toEqual([0, 1, 2, 3]);
    expect(await looks.share({ name: 'a', look: () => Promise.resolve('free again') })).toBe('free again');
  });

  it('fail for those who asked, not for those who ask next', async () => {
    const looks = new SharedLooks(1);
    const slow = slowLook('a');
    const first = looks.share(slow);
    await turn();
    const next = looks.share(slow);
    slow.begun[0]?.reject(new Error('away'));
    await expect(first).rejects.toThrow('away');
    await turn();
    slow.begun[1]?.resolve(7);
    expect(await next).toBe(7);
  });
});
