import { newId, WebhookDelivery, type DeliveryId, type Problem, type WebhookDeliveryList, type WebhookEndpoint } from '@likeness/contracts';
import { exec, json, many, one, sql } from '@likeness/platform/db';
import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { useApi, type CallOptions, type Tenant } from '../testing/api.ts';

const api = useApi();
const URL = 'https://93.184.215.14/hook';

let tenant: Tenant;
beforeEach(async () => {
  tenant = await api().newTenant();
});
const call = <T>(method: string, path: string, options: CallOptions = {}) => api().call<T>(method, path, { key: tenant.key, ...options });
const create = async (): Promise<WebhookEndpoint> =>
  (await call<WebhookEndpoint>('POST', '/v1/webhook-endpoints', { json: { url: URL, events: ['generation.completed'] } })).body;
const at = (id: string, rest = '') => `/v1/webhook-endpoints/${id}${rest}`;

const messages = (id: string) =>
  many(
    api().db,
    z.object({ n: z.number(), due: z.boolean() }),
    sql`SELECT n, available_at <= now() AS due FROM outbox WHERE ref_id = ${id} AND job = 'deliver-webhook' ORDER BY n`,
  );

interface Past {
  readonly endpoint?: string | null;
  readonly status?: string;
  readonly minutesAgo?: number;
  readonly attempt?: number;
  /** Seconds until the next attempt. */
  readonly next?: number;
}
/** A delivery as the dispatcher leaves it. */
const delivered = async ({ endpoint = null, status = 'exhausted', minutesAgo = 0, attempt = 8, next }: Past): Promise<DeliveryId> => {
  const id = newId('delivery', Date.now() - minutesAgo * 60_000);
  await exec(
    api().db,
    sql`INSERT INTO webhook_delivery (id, tenant_id, endpoint_id, type, sequence, url, body, status, attempt, next_attempt_at, created_at)
        VALUES (${id}, ${tenant.id}, ${endpoint}, 'generation.completed', 4, ${URL}, ${json({ type: 'x' })}::jsonb, ${status}, ${attempt},
                now() + ${next ?? null}::float8 * interval '1 second', now() - ${minutesAgo}::float8 * interval '1 minute')`,
  );
  if (next !== undefined) {
    await exec(
      api().db,
      sql`INSERT INTO outbox (job, queue, ref_id, n, tenant_id, available_at)
          VALUES ('deliver-webhook', 'webhooks', ${id}, ${attempt + 1}, ${tenant.id}, now() + ${next}::float8 * interval '1 second')`,
    );
  }
  return id;
};

describe('the log', () => {
  it('shows deliveries and their attempts, newest first, in pages', async () => {
    const { id } = await create();
    const other = await create();
    const made = [
      await delivered({ endpoint: id, minutesAgo: 3 }),
      await delivered({ endpoint: id, minutesAgo: 2, status: 'succeeded', attempt: 1 }),
      await delivered({ endpoint: id, minutesAgo: 1, status: 'pending', attempt: 2, next: 300 }),
    ].reverse();
    await delivered({ endpoint: other.id });
    await exec(
      api().db,
      sql`INSERT INTO webhook_attempt (delivery_id, attempt, status_code, duration_ms, error, response_excerpt)
          VALUES (${made[0]}, 1, 500, 12, 'the receiver answered 500', 'oops'), (${made[0]}, 2, NULL, 15000, 'did not answer', NULL)`,
    );
    const log = async (query = '') => (await call<WebhookDeliveryList>('GET', at(id, `/deliveries${query}`))).body;
    const { data, next_cursor } = await log();
    expect([data.map((delivery) => delivery.id), next_cursor]).toEqual([made, null]);
    const newest = WebhookDelivery.parse(data[0]);
    expect(newest).toMatchObject({ webhook_id: made[0], type: 'generation.completed', status: 'pending', sequence: 4 });
    expect(newest.attempts).toMatchObject([
      { status_code: 500, duration_ms: 12, error: 'the receiver answered 500', response_excerpt: 'oops' },
      { status_code: null, duration_ms: 15_000, error: 'did not answer', response_excerpt: null },
    ]);
    expect(Math.abs(new Date(newest.attempts[0]?.at ?? 0).getTime() - Date.now())).toBeLessThan(10_000);
    expect((new Date(newest.next_attempt_at ?? 0).getTime() - Date.now()) / 1000).toBeCloseTo(300, -1);
    expect(data[2]).toMatchObject({ status: 'exhausted', attempts: [], next_attempt_at: null });
    const first = await log('?limit=2');
    expect(first.data.map((delivery) => delivery.id)).toEqual(made.slice(0, 2));
    expect((await log(`?limit=2&cursor=${first.next_cursor}`)).data.map((delivery) => delivery.id)).toEqual(made.slice(2));
    expect((await log('?status=succeeded')).data.map((delivery) => delivery.id)).toEqual([made[1]]);
    expect((await call('GET', at(id, '/deliveries?status=lost'))).status).toBe(422);
  });
});

describe('a replay', () => {
  const replay = <T = WebhookDelivery>(id: string) => call<T>('POST', `/v1/webhook-deliveries/${id}/replay`);

  it.each(['exhausted', 'failed', 'succeeded'])(
    'sends what is %s anew, with the same id and the schedule from its beginning',
    async (status) => {
      const { id } = await create();
      for (const endpoint of [id, null]) {
        const delivery = await delivered({ endpoint, status });
        const answer = await replay(delivery);
        expect([answer.status, answer.body]).toMatchObject([202, { id: delivery, webhook_id: delivery, status: 'pending', sequence: 4 }]);
        expect(await messages(delivery)).toEqual([{ n: 9, due: true }]);
        const row = await one(
          api().db,
          z.object({ attempt: z.number(), attempts_before: z.number() }),
          sql`SELECT attempt, attempts_before FROM webhook_delivery WHERE id = ${delivery}`,
        );
        expect(row).toEqual({ attempt: 8, attempts_before: 8 });
        await replay(delivery); // once is enough
        expect(await messages(delivery)).toHaveLength(1);
      }
    },
  );

  it('brings an attempt forward that waits for its time', async () => {
    const delivery = await delivered({ status: 'pending', attempt: 3, next: 3_600 });
    expect(await messages(delivery)).toEqual([{ n: 4, due: false }]);
    expect((await replay(delivery)).status).toBe(202);
    expect(await messages(delivery)).toEqual([{ n: 4, due: true }]);
  });

  it('lets an attempt that is under way go on', async () => {
    const delivery = await delivered({ status: 'pending', attempt: 3 });
    expect((await replay(delivery)).status).toBe(202);
    expect(await messages(delivery)).toEqual([]);
  });

  it('to a disabled endpoint is refused', async () => {
    const { id } = await create();
    const delivery = await delivered({ endpoint: id });
    await call('PATCH', at(id), { json: { status: 'disabled' } });
    const { status, body } = await replay<Problem>(delivery);
    expect([status, body.code, body.detail, await messages(delivery)]).toEqual([409, 'endpoint_disabled', `${id} is disabled.`, []]);
  });
});

describe('recovery', () => {
  const recover = (id: string, since: string) => call<{ count: number } & Problem>('POST', at(id, '/recover'), { json: { since } });
  const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();

  it('sends anew what has failed since then, and nothing else', async () => {
    const { id } = await create();
    const other = await create();
    const missed = [await delivered({ endpoint: id, minutesAgo: 5 }), await delivered({ endpoint: id, minutesAgo: 4, status: 'failed' })];
    const untouched = [
      await delivered({ endpoint: id, minutesAgo: 20 }),
      await delivered({ endpoint: id, minutesAgo: 3, status: 'succeeded' }),
      await delivered({ endpoint: id, minutesAgo: 2, status: 'pending', attempt: 1 }),
      await delivered({ endpoint: other.id, minutesAgo: 1 }),
      await delivered({ minutesAgo: 1 }),
    ];
    const { status, body } = await recover(id, minutesAgo(10));
    expect([status, body]).toEqual([202, { count: 2 }]);
    for (const delivery of missed) expect(await messages(delivery)).toEqual([{ n: 9, due: true }]);
    for (const delivery of untouched) expect(await messages(delivery)).toEqual([]);
    expect((await recover(id, minutesAgo(10))).body.count).toBe(0);
    expect((await recover(id, minutesAgo(30))).body.count).toBe(1);
  });

  it('recovers more than one batch', async () => {
    const { id } = await create();
    await exec(
      api().db,
      sql`INSERT INTO webhook_delivery (id, tenant_id, endpoint_id, type, sequence, url, body, status)
          SELECT new_id('whd'), ${tenant.id}, ${id}, 'generation.completed', 1, ${URL}, '{}', 'exhausted' FROM generate_series(1, 2500)`,
    );
    expect((await recover(id, minutesAgo(1))).body.count).toBe(2_500);
    const sent = await one(
      api().db,
      z.object({ n: z.number() }),
      sql`SELECT count(*)::int AS n FROM outbox WHERE tenant_id = ${tenant.id}`,
    );
    expect(sent?.n).toBe(2_500);
  });

  it('is refused without a time, and while the endpoint is disabled', async () => {
    const { id } = await create();
    for (const body of [{}, { since: 'yesterday' }, { since: minutesAgo(1), until: minutesAgo(0) }])
      expect((await call<Problem>('POST', at(id, '/recover'), { json: body })).body.code).toBe('validation_failed');
    await call('PATCH', at(id), { json: { status: 'disabled' } });
    expect((await recover(id, minutesAgo(1))).body.code).toBe('endpoint_disabled');
  });
});
