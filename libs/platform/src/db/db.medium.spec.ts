import { mkdtempSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  exec,
  listen,
  many,
  migrate,
  one,
  openDb,
  sql,
  json,
  join as joinSql,
  testDatabase,
  tryAdvisoryLock,
  type Db,
  type TestDatabase,
} from './index.ts';

let database: TestDatabase;
let db: Db;
beforeAll(async () => {
  database = await testDatabase();
  db = openDb(database.url, { max: 4 });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

describe('statements', () => {
  it('send every kind of value as a parameter and give rows back through a schema', async () => {
    const at = new Date('2026-01-02T03:04:05.678Z');
    const row = await one(
      db,
      z.object({
        text: z.string(),
        list: z.array(z.string()),
        object: z.unknown(),
        at: z.date(),
        bytes: z.instanceof(Buffer),
        nothing: z.null(),
      }),
      sql`SELECT ${"it's"}::text AS text, ${['a', 'b,"c']}::text[] AS list, ${json([{ a: 1 }])}::jsonb AS object, ${at}::timestamptz AS at,
                 ${Buffer.from([0, 255])}::bytea AS bytes, ${null}::int AS nothing`,
    );
    expect(row).toEqual({ text: "it's", list: ['a', 'b,"c'], object: [{ a: 1 }], at, bytes: Buffer.from([0, 255]), nothing: null });
  });

  it('nest and join', async () => {
    const numbers = joinSql([1, 2, 3].map((n) => sql`(${n}::int)`));
    const rows = await many(
      db,
      z.object({ n: z.number() }),
      sql`SELECT n FROM (VALUES ${numbers}) v(n) WHERE ${sql`n > ${1}::int`} ORDER BY n`,
    );
    expect(rows).toEqual([{ n: 2 }, { n: 3 }]);
  });

  it('refuse a second row where one is asked for, and rows that are not of the schema', async () => {
    await expect(one(db, z.object({ n: z.number() }), sql`SELECT generate_series(1, 2) AS n`)).rejects.toThrow('gave 2');
    await expect(one(db, z.object({ n: z.number() }), sql`SELECT 'x' AS n`)).rejects.toThrow();
  });

  it('share the pool with Prisma', async () => {
    await exec(db, sql`INSERT INTO tenant (id, name, webhook_secret) VALUES ('ten_x', 'x', 'whsec_x')`);
    expect(await db.prisma.tenant.findUnique({ where: { id: 'ten_x' } })).toMatchObject({ name: 'x', rateLimitPerMinute: 600 });
  });
});

describe('locks and notifications', () => {
  it('lets one holder in at a time', async () => {
    let inside = 0;
    const work = () =>
      tryAdvisoryLock(db, 'sweep', async () => (inside++, new Promise((done) => setTimeout(done, 100))).then(() => 'done'));
    expect((await Promise.all([work(), work()])).filter((result) => result === 'done')).toHaveLength(1);
    expect(inside).toBe(1);
    expect(await work()).toBe('done');
  });

  it('hears again after its connection was cut', async () => {
    const heard: string[] = [];
    let reconnected: () => void = () => undefined;
    const again = new Promise<void>((done) => (reconnected = done));
    const listener = listen(database.url, { news: (payload) => heard.push(payload) }, { onReconnected: () => reconnected() });
    await listener.ready;
    await exec(db, sql`SELECT pg_notify('news', 'first')`);
    await expect.poll(() => heard).toEqual(['first']);
    await exec(db, sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'likeness-listen'`);
    await again;
    await exec(db, sql`SELECT pg_notify('news', 'second')`);
    await expect.poll(() => heard).toEqual(['first', 'second']);
    await listener.close();
  });
});

describe('migrate', () => {
  const folderWith = (migrations: Record<string, string>) => {
    const folder = mkdtempSync(join(tmpdir(), 'likeness-migrations-'));
    for (const [name, text] of Object.entries(migrations)) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'migration.sql'), text);
    }
    return folder;
  };

  it('applies in order, once, and leaves nothing of one that fails', async () => {
    const own = await testDatabase();
    const good = folderWith({ '1_a': 'CREATE TABLE a (n int); INSERT INTO a VALUES (1);', '2_b': 'INSERT INTO a VALUES (2);' });
    expect(await migrate(own.url, good)).toEqual(['1_a', '2_b']);
    expect(await migrate(own.url, good)).toEqual([]);
    await expect(migrate(own.url, folderWith({ '3_c': 'CREATE TABLE c (n int); SELECT 1/0;' }))).rejects.toThrow(
      '3_c failed: division by zero',
    );
    await expect(migrate(own.url, folderWith({ '1_a': 'SELECT 1;' }))).rejects.toThrow('1_a was changed');
    const ownDb = openDb(own.url, { max: 1 });
    expect(
      await one(
        ownDb,
        z.object({ c: z.string().nullable(), n: z.coerce.number() }),
        sql`SELECT to_regclass('c')::text AS c, (SELECT sum(n) FROM a) AS n`,
      ),
    ).toEqual({ c: null, n: 3 });
    await ownDb.close();
    await own.drop();
  });
});
