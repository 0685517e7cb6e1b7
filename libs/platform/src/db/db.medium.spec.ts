import { readdir } from 'node:fs/promises';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
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

  it('give counts and bigint columns as numbers, as long as these can hold them', async () => {
    const row = await one(
      db,
      z.object({ n: z.number(), big: z.bigint() }),
      sql`SELECT count(*) AS n, ${2n ** 60n}::bigint AS big FROM generate_series(1, 3)`,
    );
    expect(row).toEqual({ n: 3, big: 2n ** 60n });
  });

  it('are given up by the server after their time', async () => {
    const hasty = openDb(database.url, { max: 1, statementTimeoutMs: 50, name: 'likeness-hasty' });
    expect(await one(hasty, z.object({ name: z.string() }), sql`SELECT current_setting('application_name') AS name`)).toEqual({
      name: 'likeness-hasty',
    });
    await expect(exec(hasty, sql`SELECT pg_sleep(5)`)).rejects.toThrow('statement timeout');
    await hasty.close();
  });

  it('fail as `unavailable` while the server is away, and work again when it is back', async () => {
    const nowhere = openDb('postgres://postgres@127.0.0.1:1/postgres', { max: 1 });
    await expect(exec(nowhere, sql`SELECT 1`)).rejects.toMatchObject({
      code: 'unavailable',
      message: 'The database does not answer.',
      retryAfter: 2,
    });
    await nowhere.close();
    const cut = openDb(database.url, { max: 1, name: 'likeness-cut' });
    const asleep = exec(cut, sql`SELECT pg_sleep(5)`);
    const terminate = sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'likeness-cut' AND state = 'active'`;
    await Promise.all([expect(asleep).rejects.toMatchObject({ code: 'unavailable' }), expect.poll(() => exec(db, terminate)).toBe(1)]);
    expect(await exec(cut, sql`SELECT 1`)).toBe(1);
    await cut.close();
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

  it('learns that its lock is lost, and lives', async () => {
    const holder = openDb(database.url, { max: 1, name: 'likeness-holder' });
    const terminate = sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'likeness-holder'`;
    const result = await tryAdvisoryLock(holder, 'sweep', async (lost) => {
      await exec(db, terminate);
      await expect.poll(() => lost.aborted).toBe(true);
      return tryAdvisoryLock(db, 'sweep', async () => 'another has it');
    });
    expect(result).toBe('another has it');
    expect(await exec(holder, sql`SELECT 1`)).toBe(1);
    await holder.close();
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
  const folders: string[] = [];
  afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));
  const folderWith = (migrations: Record<string, string>) => {
    const folder = mkdtempSync(join(tmpdir(), 'likeness-migrations-'));
    folders.push(folder);
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

  it('is done once by many who start at once', async () => {
    const own = await testDatabase();
    const folder = folderWith({ '1_once': 'CREATE TABLE once (n int); SELECT pg_sleep(0.1);' });
    const results = await Promise.all([1, 2, 3, 4].map(() => migrate(own.url, folder)));
    expect(results.flat()).toEqual(['1_once']);
    await own.drop();
  });

  it('is what Prisma would have written, and stops at what Prisma left half-way', async () => {
    const own = await testDatabase();
    const ownDb = openDb(own.url, { max: 1 });
    const names = (await readdir(new URL('../../../../prisma/migrations', import.meta.url), { withFileTypes: true })).filter((entry) =>
      entry.isDirectory(),
    );
    const rows = await many(
      ownDb,
      z.object({ name: z.string(), steps: z.literal(1), checksum: z.string().length(64) }),
      sql`
      SELECT migration_name AS name, applied_steps_count AS steps, checksum FROM _prisma_migrations ORDER BY started_at`,
    );
    expect(rows.map(({ name }) => name)).toEqual(names.map(({ name }) => name).sort());
    await exec(ownDb, sql`UPDATE _prisma_migrations SET finished_at = NULL`);
    await expect(migrate(own.url)).rejects.toThrow(/failed half-way under Prisma/);
    await ownDb.close();
    await own.drop();
  });
});
