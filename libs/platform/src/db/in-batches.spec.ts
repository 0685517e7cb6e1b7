import { LikenessError } from '@likeness/contracts';
import { describe, expect, it } from 'vitest';
import type { Db } from './db.ts';
import { inBatches } from './in-batches.ts';

/** A statement whose every run is held until the test lets it go. */
function held(answer: (item: number) => number = (item) => item * 10) {
  const batches: number[][] = [];
  const gates: (() => void)[] = [];
  const one = inBatches<number, number>(async (_, items) => {
    batches.push([...items]);
    await new Promise<void>((open) => gates.push(open));
    return items.map(answer);
  });
  const release = async () => {
    gates.shift()?.();
    await new Promise((done) => setImmediate(done));
  };
  return { one, batches, release };
}
const db = () => ({}) as Db;
const moment = () => new Promise((done) => setImmediate(done));

describe('statements in batches', () => {
  it('go at once when nothing is under way, and together when something is', async () => {
    const { one, batches, release } = held();
    const pool = db();
    const asked = [one(pool, 1)];
    await moment();
    asked.push(one(pool, 2));
    await moment();
    asked.push(one(pool, 3), one(pool, 4));
    await moment();
    asked.push(one(pool, 5));
    await moment();
    expect(batches).toEqual([[1], [2]]);
    await release();
    expect(batches).toEqual([[1], [2], [3, 4, 5]]);
    await release();
    await release();
    expect(await Promise.all(asked)).toEqual([10, 20, 30, 40, 50]);
  });

  it('take what comes in one moment together, and never more than 32', async () => {
    const { one, batches, release } = held();
    const pool = db();
    const asked = Array.from({ length: 70 }, (_, i) => one(pool, i));
    await moment();
    for (let i = 0; i < 3; i++) await release();
    await Promise.all(asked);
    expect(batches.map((batch) => batch.length)).toEqual([32, 32, 6]);
  });

  it('are tried one by one when together they fail, so that none fails for another', async () => {
    const tried: number[][] = [];
    const one = inBatches<number, number>(async (_, items) => {
      tried.push([...items]);
      if (items.includes(2)) throw new Error('not this one');
      return items;
    });
    const pool = db();
    const results = await Promise.allSettled([1, 2, 3].map((item) => one(pool, item)));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(tried).toEqual([[1, 2, 3], [1], [2], [3]]);
  });

  it('all fail at once in an outage, and the next one goes again', async () => {
    let away = true;
    let runs = 0;
    const one = inBatches<number, number>(async (_, items) => {
      runs++;
      if (away) throw new LikenessError('unavailable', 'The database does not answer.');
      return items;
    });
    const pool = db();
    const results = await Promise.allSettled([1, 2, 3].map((item) => one(pool, item)));
    expect([runs, ...results.map(({ status }) => status)]).toEqual([1, 'rejected', 'rejected', 'rejected']);
    away = false;
    expect(await one(pool, 4)).toBe(4);
  });

  it('of two databases do not meet', async () => {
    const { one, batches, release } = held();
    const asked = [one(db(), 1), one(db(), 2)];
    await moment();
    expect(batches).toEqual([[1], [2]]);
    await release();
    await release();
    expect(await Promise.all(asked)).toEqual([10, 20]);
  });
});
