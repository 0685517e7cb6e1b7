import { setTimeout as sleep } from 'node:timers/promises';
import { newId } from '@likeness/contracts';
import { exec, many, one, openDb, sql, testDatabase, type Db, type TestDatabase } from '@likeness/platform/db';
import { createLogger } from '@likeness/platform/telemetry';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Presence } from './presence.ts';

let database: TestDatabase;
let db: Db;
beforeAll(async () => {
  database = await testDatabase();
  db = openDb(database.url, { max: 8 });
});
beforeEach(() => exec(db, sql`TRUNCATE worker`));
afterAll(async () => {
  await db.close();
  await database.drop();
});

const Row = z.object({ class: z.string(), slots: z.number(), pid: z.number(), state: z.string(), seen_at: z.date() });
const open = (through = db) => {
  const logged: string[] = [];
  const id = newId('worker');
  const log = createLogger('test', 'warn', { write: (line) => void logged.push(line) });
  const row = () => one(db, Row, sql`SELECT class, slots, pid, state, seen_at FROM worker WHERE id = ${id}`);
  return { presence: new Presence(through, log, { id, class: 'diffusion', slots: 2 }), row, logged };
};

describe('the row of a worker', () => {
  it('says what it is and what it does, and goes with it', async () => {
    const { presence, row } = open();
    await presence.show('starting');
    expect(await row()).toMatchObject({ class: 'diffusion', slots: 2, pid: process.pid, state: 'starting' });
    await presence.show('idle');
    expect(await row()).toMatchObject({ state: 'idle' });
    await presence.leave();
    expect(await row()).toBeNull();
  });

  it('is seen again every 2 s, and not after the worker has left', async () => {
    const { presence, row } = open();
    await presence.show('idle');
    const first = (await row())?.seen_at.getTime() ?? Infinity;
    await expect.poll(async () => (await row())?.seen_at.getTime(), { timeout: 4_000 }).toBeGreaterThan(first + 1_500);
    await presence.leave();
    await sleep(2_500);
    expect(await row()).toBeNull();
  });

  it('keeps the last of many states, and none that is still on its way when the worker leaves', async () => {
    for (let round = 0; round < 20; round++) {
      const { presence, row } = open();
      await presence.show('starting');
      await Promise.all(Array.from({ length: 9 }, (_, i) => presence.show(i % 2 === 0 ? 'busy' : 'idle')));
      expect(await row()).toMatchObject({ state: 'busy' });
      const late = Promise.all([presence.show('idle'), presence.show('busy')]);
      await presence.leave();
      await late;
      expect(await row()).toBeNull();
    }
  });

  it('turns from idle to busy and back without a statement each time', async () => {
    const { presence, row } = open();
    await presence.show('idle');
    await presence.show('busy');
    expect(await row()).toMatchObject({ state: 'idle' });
    await expect.poll(row, { timeout: 4_000 }).toMatchObject({ state: 'busy' });
    await presence.leave();
  });

  it('says draining to the end, whatever ends or begins meanwhile', async () => {
    const { presence, row } = open();
    await presence.show('busy');
    await presence.show('draining');
    await presence.show('idle'); // the last stage has ended
    expect(await row()).toMatchObject({ state: 'draining' });
    await presence.leave();
  });

  it('is missed in the log while the database is away, and harms nothing', async () => {
    const away = openDb('postgres://127.0.0.1:1/none', { max: 1 });
    const { presence, logged } = open(away);
    await presence.show('idle');
    expect(logged.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
      'the database does not know that this worker is alive',
    ]);
    await expect(presence.leave()).rejects.toThrow();
    await away.close();
  });

  it('is one of many, from which slots are summed', async () => {
    const [a, b] = [open(), open()];
    await a.presence.show('idle');
    await b.presence.show('busy');
    const slots = await many(db, z.object({ slots: z.number() }), sql`SELECT sum(slots)::int AS slots FROM worker`);
    expect(slots).toEqual([{ slots: 4 }]);
    await Promise.all([a.presence.leave(), b.presence.leave()]);
  });
});
