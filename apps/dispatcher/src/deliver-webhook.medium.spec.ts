import { createHmac } from 'node:crypto';
import { newId, QUEUES, type DeliveryId, type QueueName, type TenantId } from '@likeness/contracts';
import { loadConfig } from '@likeness/platform/config';
import { exec, json, listen, many, one, openDb, sql, testDatabase, type Db } from '@likeness/platform/db';
import { createEgress, type Egress } from '@likeness/platform/egress';
import { openQueue } from '@likeness/platform/queue';
import type { ObjectStore } from '@likeness/platform/storage';
import { createLogger, Metrics, startTracing } from '@likeness/platform/telemetry';
import { newWebhookSecret, RETRY_SCHEDULE } from '@likeness/platform/webhooks';
import { NestFactory } from '@nestjs/core';
import type { Queue } from 'bullmq';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { deliverWebhook } from './deliver-webhook.ts';
import { DispatcherConfig } from './dispatcher.config.ts';
import { DispatcherModule } from './dispatcher.module.ts';
import { figuresOf } from './figures.ts';
import type { Parts } from './parts.ts';
import { reconcile } from './reconcile.ts';
import { relayOutbox } from './relay-outbox.ts';
import { startReceiver, type Receiver } from './testing/receiver.ts';
import { checkWebhookJobs } from './webhook-jobs.ts';

const secret = newWebhookSecret();
const body = {
  type: 'generation.completed',
  timestamp: '2026-11-24T00:00:00.000Z',
  data: { id: 'gen_x', status: 'succeeded', metadata: { z: '1', a: 'é' } },
};
let parts: Parts;
let db: Db;
let egress: Egress;
let receiver: Receiver;
let tenantId: TenantId;
let stop: () => Promise<void>;

beforeAll(async () => {
  const database = await testDatabase();
  receiver = await startReceiver();
  const config = loadConfig(DispatcherConfig, {
    DATABASE_URL: database.url,
    OBJECT_STORE_URL: 'file:///never-used',
    EGRESS_ALLOW_ADDRESSES: receiver.address,
    LOG_LEVEL: 'silent',
  });
  db = openDb(database.url, { max: 10 });
  egress = createEgress(config);
  const queues = Object.fromEntries(QUEUES.map((name) => [name, openQueue(name, config)])) as Record<QueueName, Queue>;
  parts = {
    config,
    db,
    egress,
    queues,
    log: createLogger('test', 'silent'),
    store: {} as ObjectStore,
    tracing: await startTracing('test', undefined),
    figures: figuresOf(new Metrics('test')),
  };
  stop = async () => {
    await Promise.all(Object.values(queues).map((queue) => queue.close()));
    await egress.close();
    await db.close();
    await database.drop();
    await receiver.close();
  };
});
afterAll(() => stop());

beforeEach(async () => {
  receiver.received.length = 0;
  receiver.answer = (response) => void response.writeHead(204).end();
  tenantId = newId('tenant');
  await exec(db, sql`INSERT INTO tenant (id, name, webhook_secret) VALUES (${tenantId}, 'a', ${secret})`);
});
afterEach(async () => {
  await exec(db, sql`TRUNCATE tenant, outbox CASCADE`);
  await parts.queues.webhooks.obliterate({ force: true });
});

const post = async (url = receiver.url): Promise<DeliveryId> => {
  const id = newId('delivery');
  await exec(
    db,
    sql`
    WITH delivery AS (
      INSERT INTO webhook_delivery (id, tenant_id, type, sequence, url, body)
      VALUES (${id}, ${tenantId}, 'generation.completed', 5, ${url}, ${json(body)}::jsonb)
    )
    INSERT INTO outbox (job, queue, ref_id, n, tenant_id) VALUES ('deliver-webhook', 'webhooks', ${id}, 1, ${tenantId})`,
  );
  return id;
};
const State = z.object({ status: z.string(), attempt: z.number(), leased: z.boolean(), next_in: z.number().nullable(), over: z.boolean() });
const state = (id: DeliveryId) =>
  one(
    db,
    State,
    sql`SELECT status, attempt, lease_until > now() IS TRUE AS leased, extract(epoch FROM next_attempt_at - now())::float8 AS next_in,
               completed_at IS NOT NULL AS over FROM webhook_delivery WHERE id = ${id}`,
  );
const Attempt = z.object({
  attempt: z.number(),
  status_code: z.number().nullable(),
  error: z.string().nullable(),
  response_excerpt: z.string().nullable(),
});
const attempts = (id: DeliveryId) =>
  many(db, Attempt, sql`SELECT attempt, status_code, error, response_excerpt FROM webhook_attempt WHERE delivery_id = ${id} ORDER BY id`);
const Message = z.object({ n: z.number(), in: z.number() });
const messages = (id: DeliveryId) =>
  many(db, Message, sql`SELECT n, extract(epoch FROM available_at - now())::float8 AS in FROM outbox WHERE ref_id = ${id} ORDER BY id`);
/** Lets the time until the next attempt pass. */
const makeDue = (id: DeliveryId) =>
  exec(db, sql`UPDATE webhook_delivery SET next_attempt_at = now() WHERE id = ${id} AND next_attempt_at IS NOT NULL`);
/** Lets every lease run out. */
const lapse = (id: DeliveryId) =>
  exec(db, sql`UPDATE webhook_delivery SET lease_until = now() - interval '1 second' WHERE id = ${id} AND lease_until IS NOT NULL`);
const deliver = (id: DeliveryId) => deliverWebhook(parts, id);

describe('an attempt', () => {
  it('sends the body, signed over its id, time and bytes', async () => {
    const id = await post();
    expect(await deliver(id)).toBe('succeeded');
    const [first] = receiver.received;
    expect(JSON.parse(first?.body ?? '')).toEqual(body);
    const time = Number(first?.headers['webhook-timestamp']);
    expect(Math.abs(time - Date.now() / 1000)).toBeLessThan(10);
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    const signature = createHmac('sha256', key).update(`${id}.${time}.${first?.body}`).digest('base64');
    expect(first?.headers['webhook-signature']).toBe(`v1,${signature}`);
    expect(first?.headers).toMatchObject({ 'webhook-id': id, 'content-type': 'application/json' });
    expect(await state(id)).toEqual({ status: 'succeeded', attempt: 1, leased: false, next_in: null, over: true });
    expect(await attempts(id)).toEqual([{ attempt: 1, status_code: 204, error: null, response_excerpt: '' }]);
  });

  it('is not made for what is delivered, or is being delivered', async () => {
    const id = await post();
    let release = (): void => undefined;
    receiver.answer = (response) => void (release = () => response.writeHead(200).end('ok'));
    const under_way = deliver(id);
    await expect.poll(() => receiver.received.length).toBe(1);
    expect(await deliver(id)).toBe('nothing_to_do');
    release();
    expect([await under_way, await deliver(id), receiver.received.length]).toEqual(['succeeded', 'nothing_to_do', 1]);
  });

  it('is made by one of several dispatchers that ask at the same time', async () => {
    const id = await post();
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => deliver(id)));
    expect(outcomes.sort()).toEqual([...Array<string>(5).fill('nothing_to_do'), 'succeeded']);
    expect([receiver.received.length, (await attempts(id)).length]).toEqual([1, 1]);
  });

  it.each([
    ['500', (): string => 'the receiver answered 500', 500],
    ['302', (): string => 'the receiver answered 302', 302],
  ])('that is answered %s is made again, with the same id and the same bytes', async (_name, error, code) => {
    const id = await post();
    receiver.answer = (response) => void response.writeHead(code, { location: receiver.url }).end('wait');
    expect(await deliver(id)).toBe('pending');
    expect(await attempts(id)).toEqual([{ attempt: 1, status_code: code, error: error(), response_excerpt: 'wait' }]);
    const again = (await messages(id)).filter(({ n }) => n === 2);
    expect(again).toHaveLength(1);
    expect(again[0]?.in).toBeGreaterThan(3.5);
    expect(again[0]?.in).toBeLessThan(6.1);
    expect(await deliver(id)).toBe('nothing_to_do'); // not before its time
    receiver.answer = (response) => void response.writeHead(200).end();
    await makeDue(id);
    expect(await deliver(id)).toBe('succeeded');
    const [first, second] = receiver.received;
    expect([second?.body, second?.headers['webhook-id']]).toEqual([first?.body, first?.headers['webhook-id']]);
    expect(receiver.received).toHaveLength(2);
  });

  it('waits in the outbox for its time, not in the queue', async () => {
    const id = await post();
    expect(await relayOutbox(parts)).toBe(1);
    receiver.answer = (response) => void response.writeHead(500).end();
    expect(await deliver(id)).toBe('pending');
    expect([await relayOutbox(parts), (await messages(id)).map(({ n }) => n)]).toEqual([0, [2]]);
    await exec(db, sql`UPDATE outbox SET available_at = now() WHERE ref_id = ${id}`);
    expect([await relayOutbox(parts), await messages(id)]).toEqual([1, []]);
    const jobs = await parts.queues.webhooks.getJobs(['waiting']);
    expect(jobs.map((job) => job.id).sort()).toEqual([`${id}-1`, `${id}-2`]);
  });

  it('waits as long as the receiver asks, up to twice the schedule', async () => {
    const id = await post();
    receiver.answer = (response) => void response.writeHead(429, { 'retry-after': '9' }).end();
    await deliver(id);
    expect((await state(id))?.next_in).toBeCloseTo(9, 0);
  });

  it('that is answered 410 is the last', async () => {
    const id = await post();
    receiver.answer = (response) => void response.writeHead(410).end('gone');
    expect(await deliver(id)).toBe('failed');
    expect(await state(id)).toMatchObject({ status: 'failed', over: true, next_in: null });
    expect((await messages(id)).map(({ n }) => n)).toEqual([1]);
  });

  it('that is the last of the schedule leaves the delivery exhausted, and the log of all', async () => {
    const id = await post();
    receiver.answer = (response) => void response.writeHead(503).end();
    const outcomes: string[] = [];
    for (let i = 0; i < RETRY_SCHEDULE.length; i++) {
      outcomes.push(await deliver(id));
      await makeDue(id);
    }
    expect(outcomes).toEqual([...Array<string>(RETRY_SCHEDULE.length - 1).fill('pending'), 'exhausted']);
    expect(await deliver(id)).toBe('nothing_to_do');
    expect(await state(id)).toMatchObject({ status: 'exhausted', attempt: RETRY_SCHEDULE.length, over: true, next_in: null });
    expect(await attempts(id)).toHaveLength(RETRY_SCHEDULE.length);
    expect(Math.max(...(await messages(id)).map(({ n }) => n))).toBe(RETRY_SCHEDULE.length);
  });

  it('at a receiver that is away is made again', async () => {
    const closed = await startReceiver();
    await closed.close();
    const own = { ...parts, egress: createEgress({ ...parts.config, EGRESS_ALLOW_ADDRESSES: [closed.address] }) };
    const id = await post(closed.url);
    expect(await deliverWebhook(own, id)).toBe('pending');
    expect(await attempts(id)).toMatchObject([{ status_code: null, error: expect.stringContaining('could not be reached') as string }]);
    await own.egress.close();
  });

  it('at an address that must not be called is not made, and never again', async () => {
    const id = await post('http://127.0.0.1:1/hook');
    expect(await deliver(id)).toBe('failed');
    expect(await attempts(id)).toMatchObject([{ status_code: null, error: expect.stringContaining('loopback') as string }]);
  });

  it('keeps a kilobyte of the answer, without secrets', async () => {
    const id = await post();
    receiver.answer = (response) => void response.writeHead(500).end(`Bearer abc.def ${'x'.repeat(5_000)}\0`);
    await deliver(id);
    const excerpt = (await attempts(id))[0]?.response_excerpt ?? '';
    expect(excerpt).toMatch(/^Bearer \[redacted\] x+$/);
    expect(excerpt.length).toBeLessThanOrEqual(1_024);
  });

  it('that was overtaken writes nothing', async () => {
    const id = await post();
    receiver.answer = (response) =>
      void exec(db, sql`UPDATE webhook_delivery SET attempt = attempt + 1 WHERE id = ${id}`).then(() => response.writeHead(204).end());
    await deliver(id);
    expect([await state(id), await attempts(id)]).toMatchObject([{ status: 'pending', attempt: 2 }, []]);
  });
});

describe('the reconciliation', () => {
  it('makes an attempt again whose dispatcher was lost', async () => {
    const id = await post();
    await exec(db, sql`DELETE FROM outbox`);
    await exec(db, sql`UPDATE webhook_delivery SET attempt = 1, lease_until = now() - interval '1 second' WHERE id = ${id}`);
    await reconcile(parts);
    expect((await messages(id)).map(({ n }) => n)).toEqual([2]);
    expect(await attempts(id)).toEqual([
      { attempt: 1, status_code: null, error: 'the dispatcher was lost during the attempt', response_excerpt: null },
    ]);
    expect(await deliver(id)).toBe('succeeded');
  });

  it('gives up after the last attempt, lost or not', async () => {
    const id = await post();
    await exec(db, sql`DELETE FROM outbox`);
    await exec(
      db,
      sql`UPDATE webhook_delivery SET attempt = ${RETRY_SCHEDULE.length}, lease_until = now() - interval '1 second' WHERE id = ${id}`,
    );
    await reconcile(parts);
    expect([await state(id), await messages(id)]).toMatchObject([{ status: 'exhausted', over: true, leased: false }, []]);
  });

  it('sends again what the queue has lost, once', async () => {
    const id = await post();
    await relayOutbox(parts);
    await parts.queues.webhooks.obliterate({ force: true });
    await reconcile(parts);
    expect(await messages(id)).toEqual([]); // the lease of the relay is not over
    await lapse(id);
    await reconcile(parts);
    await reconcile(parts);
    expect((await messages(id)).map(({ n }) => n)).toEqual([1]);
    expect([await relayOutbox(parts), await parts.queues.webhooks.getJobCountByTypes('waiting')]).toEqual([1, 1]);
  });

  it('lets wait what the queue knows', async () => {
    const id = await post();
    await relayOutbox(parts);
    await lapse(id);
    await reconcile(parts);
    expect([await messages(id), await state(id)]).toMatchObject([[], { status: 'pending', leased: true }]);
    expect(await deliver(id)).toBe('succeeded'); // the lease of the relay keeps nobody from it
  });
});

describe('the application', () => {
  it('delivers what is in the outbox, and what failed for want of a database', async () => {
    const app = await NestFactory.createApplicationContext(DispatcherModule.with(parts), { logger: false, abortOnError: false });
    const ids = await Promise.all(Array.from({ length: 20 }, () => post()));
    const notified = Promise.withResolvers<string>();
    const notifications = listen(parts.config.DATABASE_URL, { outbox: notified.resolve });
    await notifications.ready;
    try {
      await relayOutbox(parts);
      await expect
        .poll(() => new Set(receiver.received.map(({ headers }) => headers['webhook-id'])), { timeout: 10_000 })
        .toEqual(new Set(ids));
      expect(receiver.received).toHaveLength(20);
      // A claim that could not be made: the job has failed, the delivery still waits.
      await exec(db, sql`ALTER TABLE webhook_delivery RENAME COLUMN url TO away`);
      const id = newId('delivery');
      await exec(
        db,
        sql`WITH d AS (INSERT INTO webhook_delivery (id, tenant_id, type, sequence, away, body) VALUES (${id}, ${tenantId}, 'generation.completed', 1, ${receiver.url}, '{}'))
            INSERT INTO outbox (job, queue, ref_id, n, tenant_id) VALUES ('deliver-webhook', 'webhooks', ${id}, 1, ${tenantId})`,
      );
      await relayOutbox(parts);
      await expect.poll(() => parts.queues.webhooks.getJobState(`${id}-1`), { timeout: 10_000 }).toBe('failed');
      await exec(db, sql`ALTER TABLE webhook_delivery RENAME COLUMN away TO url`);
      await lapse(id);
      await reconcile(parts);
      expect(await notified.promise).toBe('webhooks');
      await relayOutbox(parts);
      await expect.poll(async () => (await state(id))?.status, { timeout: 10_000 }).toBe('succeeded');
    } finally {
      await notifications.close();
      await app.close();
    }
  });

  it('does not start without a handler for each job of its queue', () => {
    expect(() => checkWebhookJobs()).not.toThrow();
    expect(() => checkWebhookJobs([])).toThrow('wrong: deliver-webhook');
    expect(() => checkWebhookJobs(['deliver-webhook', 'deliver-webhook'])).toThrow('wrong: deliver-webhook');
    expect(() => checkWebhookJobs(['deliver-webhook', 'send-mail'])).toThrow('wrong: send-mail');
  });
});
