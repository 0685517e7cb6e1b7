import { createHmac } from 'node:crypto';
import { newId, type DeliveryId } from '@likeness/contracts';
import { exec, listen, sql } from '@likeness/platform/db';
import { createEgress } from '@likeness/platform/egress';
import { RETRY_SCHEDULE } from '@likeness/platform/webhooks';
import { NestFactory } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { deliverWebhook } from './deliver-webhook.ts';
import { DispatcherModule } from './dispatcher.module.ts';
import { reconcile } from './reconcile.ts';
import { relayOutbox } from './relay-outbox.ts';
import { body, useDeliveries } from './testing/deliveries.ts';
import { startReceiver } from './testing/receiver.ts';
import { checkWebhookJobs } from './webhook-jobs.ts';

const deliveries = useDeliveries();
const post = (url?: string) => deliveries().post(url);
const deliver = (id: DeliveryId) => deliveries().deliver(id);
const state = (id: DeliveryId) => deliveries().state(id);
const attempts = (id: DeliveryId) => deliveries().attempts(id);
const messages = (id: DeliveryId) => deliveries().messages(id);

describe('an attempt', () => {
  it('sends the body, signed over its id, time and bytes', async () => {
    const id = await post();
    expect(await deliver(id)).toBe('succeeded');
    const [first] = deliveries().receiver.received;
    expect(JSON.parse(first?.body ?? '')).toEqual(body);
    const time = Number(first?.headers['webhook-timestamp']);
    expect(Math.abs(time - Date.now() / 1000)).toBeLessThan(10);
    const key = Buffer.from(deliveries().secret.slice('whsec_'.length), 'base64');
    const signature = createHmac('sha256', key).update(`${id}.${time}.${first?.body}`).digest('base64');
    expect(first?.headers['webhook-signature']).toBe(`v1,${signature}`);
    expect(first?.headers).toMatchObject({ 'webhook-id': id, 'content-type': 'application/json' });
    expect(await state(id)).toEqual({ status: 'succeeded', attempt: 1, leased: false, next_in: null, over: true });
    expect(await attempts(id)).toEqual([{ attempt: 1, status_code: 204, error: null, response_excerpt: '' }]);
  });

  it('is not made for what is delivered, or is being delivered', async () => {
    const id = await post();
    let release = (): void => undefined;
    deliveries().receiver.answer = (response) => void (release = () => response.writeHead(200).end('ok'));
    const under_way = deliver(id);
    await expect.poll(() => deliveries().receiver.received.length).toBe(1);
    expect(await deliver(id)).toBe('nothing_to_do');
    release();
    expect([await under_way, await deliver(id), deliveries().receiver.received.length]).toEqual(['succeeded', 'nothing_to_do', 1]);
  });

  it('is made by one of several dispatchers that ask at the same time', async () => {
    const id = await post();
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => deliver(id)));
    expect(outcomes.sort()).toEqual([...Array<string>(5).fill('nothing_to_do'), 'succeeded']);
    expect([deliveries().receiver.received.length, (await attempts(id)).length]).toEqual([1, 1]);
  });

  it.each([
    ['500', (): string => 'the receiver answered 500', 500],
    ['302', (): string => 'the receiver answered 302', 302],
  ])('that is answered %s is made again, with the same id and the same bytes', async (_name, error, code) => {
    const id = await post();
    deliveries().receiver.answer = (response) => void response.writeHead(code, { location: deliveries().receiver.url }).end('wait');
    expect(await deliver(id)).toBe('pending');
    expect(await attempts(id)).toEqual([{ attempt: 1, status_code: code, error: error(), response_excerpt: 'wait' }]);
    const again = (await messages(id)).filter(({ n }) => n === 2);
    expect(again).toHaveLength(1);
    expect(again[0]?.in).toBeGreaterThan(3.5);
    expect(again[0]?.in).toBeLessThan(6.1);
    expect(await deliver(id)).toBe('nothing_to_do'); // not before its time
    deliveries().receiver.answer = (response) => void response.writeHead(200).end();
    await deliveries().makeDue(id);
    expect(await deliver(id)).toBe('succeeded');
    const [first, second] = deliveries().receiver.received;
    expect([second?.body, second?.headers['webhook-id']]).toEqual([first?.body, first?.headers['webhook-id']]);
    expect(deliveries().receiver.received).toHaveLength(2);
  });

  it('waits in the outbox for its time, not in the queue', async () => {
    const id = await post();
    expect(await relayOutbox(deliveries().parts)).toBe(1);
    deliveries().receiver.answer = (response) => void response.writeHead(500).end();
    expect(await deliver(id)).toBe('pending');
    expect([await relayOutbox(deliveries().parts), (await messages(id)).map(({ n }) => n)]).toEqual([0, [2]]);
    await exec(deliveries().db, sql`UPDATE outbox SET available_at = now() WHERE ref_id = ${id}`);
    expect([await relayOutbox(deliveries().parts), await messages(id)]).toEqual([1, []]);
    const jobs = await deliveries().parts.queues.webhooks.getJobs(['waiting']);
    expect(jobs.map((job) => job.id).sort()).toEqual([`${id}-1`, `${id}-2`]);
  });

  it('waits as long as the receiver asks, up to twice the schedule', async () => {
    const id = await post();
    deliveries().receiver.answer = (response) => void response.writeHead(429, { 'retry-after': '9' }).end();
    await deliver(id);
    expect((await state(id))?.next_in).toBeCloseTo(9, 0);
  });

  it('that is answered 410 is the last', async () => {
    const id = await post();
    deliveries().receiver.answer = (response) => void response.writeHead(410).end('gone');
    expect(await deliver(id)).toBe('failed');
    expect(await state(id)).toMatchObject({ status: 'failed', over: true, next_in: null });
    expect((await messages(id)).map(({ n }) => n)).toEqual([1]);
  });

  it('that is the last of the schedule leaves the delivery exhausted, and the log of all', async () => {
    const id = await post();
    deliveries().receiver.answer = (response) => void response.writeHead(503).end();
    const outcomes: string[] = [];
    for (let i = 0; i < RETRY_SCHEDULE.length; i++) {
      outcomes.push(await deliver(id));
      await deliveries().makeDue(id);
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
    const own = { ...deliveries().parts, egress: createEgress({ ...deliveries().parts.config, EGRESS_ALLOW_ADDRESSES: [closed.address] }) };
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
    deliveries().receiver.answer = (response) => void response.writeHead(500).end(`Bearer abc.def ${'x'.repeat(5_000)}\0`);
    await deliver(id);
    const excerpt = (await attempts(id))[0]?.response_excerpt ?? '';
    expect(excerpt).toMatch(/^Bearer \[redacted\] x+$/);
    expect(excerpt.length).toBeLessThanOrEqual(1_024);
  });

  it('that was overtaken writes nothing', async () => {
    const id = await post();
    deliveries().receiver.answer = (response) =>
      void exec(deliveries().db, sql`UPDATE webhook_delivery SET attempt = attempt + 1 WHERE id = ${id}`).then(() =>
        response.writeHead(204).end(),
      );
    await deliver(id);
    expect([await state(id), await attempts(id)]).toMatchObject([{ status: 'pending', attempt: 2 }, []]);
  });
});

describe('the reconciliation', () => {
  it('makes an attempt again whose dispatcher was lost', async () => {
    const id = await post();
    await exec(deliveries().db, sql`DELETE FROM outbox`);
    await exec(deliveries().db, sql`UPDATE webhook_delivery SET attempt = 1, lease_until = now() - interval '1 second' WHERE id = ${id}`);
    await reconcile(deliveries().parts);
    expect((await messages(id)).map(({ n }) => n)).toEqual([2]);
    expect(await attempts(id)).toEqual([
      { attempt: 1, status_code: null, error: 'the dispatcher was lost during the attempt', response_excerpt: null },
    ]);
    expect(await deliver(id)).toBe('succeeded');
  });

  it('gives up after the last attempt, lost or not', async () => {
    const id = await post();
    await exec(deliveries().db, sql`DELETE FROM outbox`);
    await exec(
      deliveries().db,
      sql`UPDATE webhook_delivery SET attempt = ${RETRY_SCHEDULE.length}, lease_until = now() - interval '1 second' WHERE id = ${id}`,
    );
    await reconcile(deliveries().parts);
    expect([await state(id), await messages(id)]).toMatchObject([{ status: 'exhausted', over: true, leased: false }, []]);
  });

  it('sends again what the queue has lost, once', async () => {
    const id = await post();
    await relayOutbox(deliveries().parts);
    await deliveries().parts.queues.webhooks.obliterate({ force: true });
    await reconcile(deliveries().parts);
    expect(await messages(id)).toEqual([]); // the lease of the relay is not over
    await deliveries().lapse(id);
    await reconcile(deliveries().parts);
    await reconcile(deliveries().parts);
    expect((await messages(id)).map(({ n }) => n)).toEqual([1]);
    expect([await relayOutbox(deliveries().parts), await deliveries().parts.queues.webhooks.getJobCountByTypes('waiting')]).toEqual([1, 1]);
  });

  it('lets wait what the queue knows', async () => {
    const id = await post();
    await relayOutbox(deliveries().parts);
    await deliveries().lapse(id);
    await reconcile(deliveries().parts);
    expect([await messages(id), await state(id)]).toMatchObject([[], { status: 'pending', leased: true }]);
    expect(await deliver(id)).toBe('succeeded'); // the lease of the relay keeps nobody from it
  });
});

describe('the application', () => {
  it('delivers what is in the outbox, and what failed for want of a database', async () => {
    const app = await NestFactory.createApplicationContext(DispatcherModule.with(deliveries().parts), {
      logger: false,
      abortOnError: false,
    });
    const ids = await Promise.all(Array.from({ length: 20 }, () => post()));
    const notified = Promise.withResolvers<string>();
    const notifications = listen(deliveries().parts.config.DATABASE_URL, { outbox: notified.resolve });
    await notifications.ready;
    try {
      await relayOutbox(deliveries().parts);
      await expect
        .poll(() => new Set(deliveries().receiver.received.map(({ headers }) => headers['webhook-id'])), { timeout: 10_000 })
        .toEqual(new Set(ids));
      expect(deliveries().receiver.received).toHaveLength(20);
      // A claim that could not be made: the job has failed, the delivery still waits.
      await exec(deliveries().db, sql`ALTER TABLE webhook_delivery RENAME COLUMN url TO away`);
      const id = newId('delivery');
      await exec(
        deliveries().db,
        sql`WITH d AS (INSERT INTO webhook_delivery (id, tenant_id, type, sequence, away, body) VALUES (${id}, ${deliveries().tenantId}, 'generation.completed', 1, ${deliveries().receiver.url}, '{}'))
            INSERT INTO outbox (job, queue, ref_id, n, tenant_id) VALUES ('deliver-webhook', 'webhooks', ${id}, 1, ${deliveries().tenantId})`,
      );
      await relayOutbox(deliveries().parts);
      await expect.poll(() => deliveries().parts.queues.webhooks.getJobState(`${id}-1`), { timeout: 10_000 }).toBe('failed');
      await exec(deliveries().db, sql`ALTER TABLE webhook_delivery RENAME COLUMN away TO url`);
      await deliveries().lapse(id);
      await reconcile(deliveries().parts);
      expect(await notified.promise).toBe('webhooks');
      await relayOutbox(deliveries().parts);
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
