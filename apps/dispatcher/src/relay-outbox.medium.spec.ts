import { newId, QUEUES, type QueueName, type StageId, type TenantId } from '@likeness/contracts';
import { exec, json, many, one, openDb, sql, testDatabase, type Db } from '@likeness/platform/db';
import { openQueue } from '@likeness/platform/queue';
import { claimStage, requeueStage } from '@likeness/generation';
import type { Queue } from 'bullmq';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { millisecondsToNext, relayOutbox } from './relay-outbox.ts';

let db: Db;
let queues: Record<QueueName, Queue>;
let drop: () => Promise<void>;

beforeAll(async () => {
  const database = await testDatabase();
  db = openDb(database.url, { max: 6 });
  queues = Object.fromEntries(
    QUEUES.map((name) => [name, openQueue(name, { DATABASE_URL: database.url, REDIS_URL: undefined })]),
  ) as Record<QueueName, Queue>;
  drop = async () => {
    await Promise.all(Object.values(queues).map((queue) => queue.close()));
    await db.close();
    await database.drop();
  };
});
afterAll(() => drop());
afterEach(async () => {
  await exec(db, sql`TRUNCATE tenant, outbox, stage, worker CASCADE`);
  await Promise.all(Object.values(queues).map((queue) => queue.obliterate({ force: true })));
});

const tenant = async (name: string): Promise<TenantId> => {
  const id = newId('tenant');
  await exec(db, sql`INSERT INTO tenant (id, name, webhook_secret) VALUES (${id}, ${name}, 'whsec_')`);
  return id;
};

/** A generation whose first stage waits in the outbox; `secondsAgo`: since when. */
const create = async (tenantId: TenantId, { priority = 'normal', secondsAgo = 0 } = {}): Promise<StageId> => {
  const [id, stageId] = [newId('generation'), newId('stage')];
  const input = json({});
  await exec(
    db,
    sql`
    WITH created AS (
      INSERT INTO generation (id, tenant_id, status, stage, input, pack, priority)
      VALUES (${id}, ${tenantId}, 'queued', 'parse', ${input}::jsonb, ${json({ name: 'noop', version: '1', trained: false })}::jsonb, ${priority})
    ), staged AS (
      INSERT INTO stage (id, generation_id, tenant_id, name, queue, status) VALUES (${stageId}, ${id}, ${tenantId}, 'parse', 'parsing', 'queued')
    )
    INSERT INTO outbox (job, queue, ref_id, n, tenant_id, priority, available_at)
    VALUES ('parse-face', 'parsing', ${stageId}, 1, ${tenantId}, ${priority}, now() - ${secondsAgo}::float8 * interval '1 second')`,
  );
  return stageId;
};
const createMany = async (count: number, ...of: Parameters<typeof create>) => {
  const ids: StageId[] = [];
  for (let i = 0; i < count; i++) ids.push(await create(...of));
  return ids;
};
const relay = () => relayOutbox({ db, queues });
/** What waits in the queue, in the order in which workers get it. */
const waiting = async () =>
  (await queues.parsing.getJobs(['waiting'], 0, -1, true)).map((job) => (job.data as { stageId: StageId }).stageId);
const outboxSize = async () => (await one(db, z.object({ n: z.number() }), sql`SELECT count(*)::int AS n FROM outbox`))?.n;
const claim = (id: StageId) => claimStage(db, id, newId('worker'), Buffer.from('a data key'));
const setWorker = (slots: number, secondsAgo = 0) =>
  exec(
    db,
    sql`INSERT INTO worker (id, class, slots, host, pid, state, seen_at)
        VALUES (${newId('worker')}, 'parsing', ${slots}, 'host', 1, 'idle', now() - ${secondsAgo}::int * interval '1 second')`,
  );
const Stage = z.object({ id: z.custom<StageId>(), enqueued: z.number(), relayed: z.boolean() });
const stages = () => many(db, Stage, sql`SELECT id, enqueued, enqueued_at IS NOT NULL AS relayed FROM stage ORDER BY id`);

describe('the relay', () => {
  it('moves a message into the queue under the id of its turn, and writes down that it has', async () => {
    const id = await create(await tenant('a'));
    expect(await relay()).toBe(1);
    const [job] = await queues.parsing.getJobs(['waiting']);
    expect([job?.name, job?.id, job?.data]).toEqual(['parse-face', `${id}-1`, { stageId: id }]);
    expect(await stages()).toEqual([{ id, enqueued: 1, relayed: true }]);
    expect([await outboxSize(), await relay()]).toEqual([0, 0]);
  });

  it('lets tenants take turns within a batch', async () => {
    const [a, b] = [await tenant('a'), await tenant('b')];
    const ofA = await createMany(20, a, { secondsAgo: 30 });
    const ofB = await createMany(2, b);
    expect(await relay()).toBe(8);
    expect(await waiting()).toEqual([ofA[0], ofB[0], ofA[1], ofB[1], ...ofA.slice(2, 6)]);
  });

  it('lets tenants take turns when places become free one by one', async () => {
    const [a, b] = [await tenant('a'), await tenant('b')];
    const ofA = await createMany(20, a, { secondsAgo: 30 });
    await relay();
    const ofB = await createMany(4, b);
    for (const id of ofA.slice(0, 4)) {
      expect(await claim(id)).not.toBeNull();
      expect(await relay()).toBe(1);
    }
    expect((await waiting()).slice(8)).toEqual(ofB);
  });

  it('lets a priority pass those who came up to a minute earlier, not all', async () => {
    const a = await tenant('a');
    const low = await create(a, { priority: 'low', secondsAgo: 50 });
    const old = await create(a, { secondsAgo: 90 });
    const normal = await create(a, { secondsAgo: 20 });
    const high = await create(a, { priority: 'high' });
    await relay();
    expect(await waiting()).toEqual([old, high, normal, low]);
  });

  it('keeps the queue shallow, and fills it again as stages are claimed', async () => {
    await createMany(30, await tenant('a'));
    expect([await relay(), await relay(), await outboxSize()]).toEqual([8, 0, 22]);
    for (const id of (await waiting()).slice(0, 3)) await claim(id);
    expect([await relay(), await relay()]).toEqual([3, 0]);
  });

  it('holds two stages for each slot of the workers that are there', async () => {
    await createMany(30, await tenant('a'));
    await setWorker(8);
    await setWorker(3);
    await setWorker(50, 60);
    expect([await relay(), await outboxSize()]).toEqual([22, 8]);
  });

  it('leaves what is not due, and knows when it will be', async () => {
    const a = await tenant('a');
    await create(a, { secondsAgo: -0.4 });
    expect(await relay()).toBe(0);
    const ms = await millisecondsToNext(db);
    expect(ms).toBeGreaterThan(200);
    expect(ms).toBeLessThan(420);
    await new Promise((done) => setTimeout(done, ms));
    expect(await relay()).toBe(1);
    expect(await millisecondsToNext(db)).toBe(1_000);
  });

  it('notes the last of several messages of a stage, so that the next one has an id that the queue has not seen', async () => {
    const id = await create(await tenant('a'));
    await exec(
      db,
      sql`INSERT INTO outbox (job, queue, ref_id, n, tenant_id) SELECT job, queue, ref_id, later.n, tenant_id FROM outbox, unnest(ARRAY[3, 2]) AS later (n)`,
    );
    expect(await relay()).toBe(3);
    expect(await stages()).toEqual([{ id, enqueued: 3, relayed: true }]);
  });

  it('sends every message once when several dispatchers are at it', async () => {
    const tenants = await Promise.all(['a', 'b', 'c'].map(tenant));
    await setWorker(100);
    const ids = (await Promise.all(tenants.map((id) => createMany(30, id)))).flat();
    const sent = await Promise.all([relay(), relay(), relay(), relay()]);
    expect(sent.reduce((sum, count) => sum + count, 0)).toBe(90);
    expect((await waiting()).sort()).toEqual(ids.sort());
  });

  it('keeps every message while the queue is away', async () => {
    await createMany(3, await tenant('a'));
    const away = () => Promise.reject(new Error('the queue is away'));
    const none = { ...queues, parsing: { add: away, addBulk: away } as unknown as Queue };
    await expect(relayOutbox({ db, queues: none })).rejects.toThrow('the queue is away');
    expect([await outboxSize(), (await stages()).some((stage) => stage.relayed)]).toEqual([3, false]);
    expect(await relay()).toBe(3);
  });

  it('sends a message again, under the same id, when the database went away after the queue had taken it', async () => {
    const id = await create(await tenant('a'));
    const cut = {
      ...queues,
      parsing: {
        add: async (...job: Parameters<Queue['add']>) => {
          await queues.parsing.add(...job);
          // Waits for its end: until then the backend keeps its locks, and the next relay would pass the message over.
          await exec(
            db,
            sql`SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()`,
          );
        },
      } as unknown as Queue,
    };
    await expect(relayOutbox({ db, queues: cut })).rejects.toThrow();
    expect([await outboxSize(), await waiting()]).toEqual([1, [id]]);
    expect([await relay(), await waiting()]).toEqual([1, [id]]);
  });

  it('gives a stage that was claimed before the relay had finished another id the next time', async () => {
    const id = await create(await tenant('a'));
    const quick = {
      ...queues,
      parsing: {
        add: async (...job: Parameters<Queue['add']>) => {
          await queues.parsing.add(...job);
          const stage = await claim(id);
          if (!stage) throw new Error('not claimed');
          await requeueStage(db, stage);
        },
      } as unknown as Queue,
    };
    await relayOutbox({ db, queues: quick });
    expect(await relay()).toBe(1);
    expect((await queues.parsing.getJobs(['waiting'], 0, -1, true)).map((job) => job.id)).toEqual([`${id}-1`, `${id}-2`]);
  });
});

it('a paused class gets nothing, and everything once it is resumed; other classes are served meanwhile', async () => {
  const id = await tenant('a');
  await createMany(3, id);
  await exec(
    db,
    sql`INSERT INTO outbox (job, queue, ref_id, n, tenant_id) VALUES ('embed-identity', 'embedding', ${newId('stage')}, 1, ${id})`,
  );
  await exec(db, sql`INSERT INTO paused_class (class) VALUES ('parsing')`);
  expect(await relay()).toBe(1);
  expect([await waiting(), await outboxSize(), await queues.embedding.getWaitingCount()]).toEqual([[], 3, 1]);
  await exec(db, sql`DELETE FROM paused_class`);
  expect(await relay()).toBe(3);
});
