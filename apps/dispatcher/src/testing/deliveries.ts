/** A database with one tenant, a receiver, and deliveries to it: what the tests of webhooks stand on, and what they have to see or to set by hand. */
import { newId, QUEUES, type DeliveryId, type EndpointId, type EventType, type QueueName, type TenantId } from '@likeness/contracts';
import { loadConfig } from '@likeness/platform/config';
import { exec, json, many, one, openDb, sql, testDatabase, type Db } from '@likeness/platform/db';
import { createEgress } from '@likeness/platform/egress';
import { openQueue } from '@likeness/platform/queue';
import type { ObjectStore } from '@likeness/platform/storage';
import { createLogger, Metrics, startTracing } from '@likeness/platform/telemetry';
import { newWebhookSecret } from '@likeness/platform/webhooks';
import type { Queue } from 'bullmq';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { z } from 'zod';
import { deliverWebhook } from '../deliver-webhook.ts';
import { DispatcherConfig, linksOf } from '../dispatcher.config.ts';
import { figuresOf } from '../figures.ts';
import type { Parts } from '../parts.ts';
import { startReceiver, type Receiver } from './receiver.ts';

export const body = {
  type: 'generation.completed',
  timestamp: '2026-11-24T00:00:00.000Z',
  data: { id: 'gen_x', status: 'succeeded', metadata: { z: '1', a: 'é' } },
};

const State = z.object({ status: z.string(), attempt: z.number(), leased: z.boolean(), next_in: z.number().nullable(), over: z.boolean() });
const Attempt = z.object({
  attempt: z.number(),
  status_code: z.number().nullable(),
  error: z.string().nullable(),
  response_excerpt: z.string().nullable(),
});
const Message = z.object({ n: z.number(), in: z.number() });

export class Deliveries {
  readonly parts: Parts;
  readonly receiver: Receiver;
  /** The tenant's own, of each test anew. */
  readonly secret: string = newWebhookSecret();
  tenantId: TenantId = newId('tenant');

  constructor(parts: Parts, receiver: Receiver) {
    this.parts = parts;
    this.receiver = receiver;
  }

  get db(): Db {
    return this.parts.db;
  }

  async begin(): Promise<void> {
    this.receiver.received.length = 0;
    this.receiver.answer = (response) => void response.writeHead(204).end();
    this.tenantId = newId('tenant');
    await exec(this.db, sql`INSERT INTO tenant (id, name, webhook_secret) VALUES (${this.tenantId}, 'a', ${this.secret})`);
  }

  /** A new delivery and its message, to an endpoint or as a request's own. */
  async post(url: string = this.receiver.url, endpointId: EndpointId | null = null): Promise<DeliveryId> {
    const id = newId('delivery');
    await exec(
      this.db,
      sql`
      WITH delivery AS (
        INSERT INTO webhook_delivery (id, tenant_id, endpoint_id, type, sequence, url, body)
        VALUES (${id}, ${this.tenantId}, ${endpointId}, 'generation.completed', 5, ${url}, ${json(body)}::jsonb)
      )
      INSERT INTO outbox (job, queue, ref_id, n, tenant_id) VALUES ('deliver-webhook', 'webhooks', ${id}, 1, ${this.tenantId})`,
    );
    return id;
  }

  async endpoint(events: readonly EventType[], url: string = this.receiver.url): Promise<{ id: EndpointId; secret: string }> {
    const [id, secret] = [newId('endpoint'), newWebhookSecret()];
    await exec(
      this.db,
      sql`INSERT INTO webhook_endpoint (id, tenant_id, url, events, secret) VALUES (${id}, ${this.tenantId}, ${url}, ${[...events]}::text[], ${secret})`,
    );
    return { id, secret };
  }

  deliver(id: DeliveryId): Promise<string> {
    return deliverWebhook(this.parts, id);
  }

  state(id: DeliveryId): Promise<z.infer<typeof State> | null> {
    return one(
      this.db,
      State,
      sql`SELECT status, attempt, lease_until > now() IS TRUE AS leased, extract(epoch FROM next_attempt_at - now())::float8 AS next_in,
                 completed_at IS NOT NULL AS over FROM webhook_delivery WHERE id = ${id}`,
    );
  }

  attempts(id: DeliveryId): Promise<z.infer<typeof Attempt>[]> {
    return many(
      this.db,
      Attempt,
      sql`SELECT attempt, status_code, error, response_excerpt FROM webhook_attempt WHERE delivery_id = ${id} ORDER BY id`,
    );
  }

  messages(id: DeliveryId): Promise<z.infer<typeof Message>[]> {
    return many(
      this.db,
      Message,
      sql`SELECT n, extract(epoch FROM available_at - now())::float8 AS in FROM outbox WHERE ref_id = ${id} ORDER BY id`,
    );
  }

  /** Lets the time until the next attempt pass. */
  async makeDue(id: DeliveryId): Promise<void> {
    await exec(this.db, sql`UPDATE webhook_delivery SET next_attempt_at = now() WHERE id = ${id} AND next_attempt_at IS NOT NULL`);
  }

  /** Lets every lease run out. */
  async lapse(id: DeliveryId): Promise<void> {
    await exec(
      this.db,
      sql`UPDATE webhook_delivery SET lease_until = now() - interval '1 second' WHERE id = ${id} AND lease_until IS NOT NULL`,
    );
  }
}

/** Of its own for each test file. */
export function useDeliveries(): () => Deliveries {
  let deliveries: Deliveries | undefined;
  let stop = (): Promise<void> => Promise.resolve();
  beforeAll(async () => {
    const database = await testDatabase();
    const receiver = await startReceiver();
    const config = loadConfig(DispatcherConfig, {
      DATABASE_URL: database.url,
      OBJECT_STORE_URL: 'file:///never-used',
      EGRESS_ALLOW_ADDRESSES: receiver.address,
      SIGNING_SECRET: 'a secret for tests of 32 characters or more',
      LOG_LEVEL: 'silent',
    });
    const db = openDb(database.url, { max: 10 });
    const egress = createEgress(config);
    const queues = Object.fromEntries(QUEUES.map((name) => [name, openQueue(name, config)])) as Record<QueueName, Queue>;
    const parts: Parts = {
      ...{ config, db, egress, links: linksOf(config), queues, log: createLogger('test', 'silent'), store: {} as ObjectStore },
      tracing: await startTracing('test', undefined),
      figures: figuresOf(new Metrics('test')),
    };
    deliveries = new Deliveries(parts, receiver);
    stop = async () => {
      await Promise.all(Object.values(queues).map((queue) => queue.close()));
      await egress.close();
      await db.close();
      await database.drop();
      await receiver.close();
    };
  });
  afterAll(() => stop());
  beforeEach(() => deliveries?.begin());
  afterEach(async () => {
    if (!deliveries) return;
    await exec(deliveries.db, sql`TRUNCATE tenant, webhook_endpoint, outbox CASCADE`);
    await deliveries.parts.queues.webhooks.obliterate({ force: true });
  });
  return () => {
    if (!deliveries) throw new Error('deliveries begin with the first test');
    return deliveries;
  };
}
