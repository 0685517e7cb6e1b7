import {
  EndpointEvent,
  EVENT_TYPES,
  MOST_ENDPOINTS,
  newId,
  WebhookEndpoint,
  WebhookEndpointWithSecret,
  type DeliveryId,
  type Problem,
  type WebhookEndpointList,
} from '@likeness/contracts';
import { exec, many, one, sql } from '@likeness/platform/db';
import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { useApi, type CallOptions, type Tenant } from '../testing/api.ts';

const api = useApi();
const URL = 'https://93.184.215.14/hook';
const wanted = { url: URL, events: ['generation.completed'] };

let tenant: Tenant;
beforeEach(async () => {
  tenant = await api().newTenant();
});
const call = <T>(method: string, path: string, options: CallOptions = {}) => api().call<T>(method, path, { key: tenant.key, ...options });
const create = async (body: object = {}): Promise<WebhookEndpointWithSecret> => {
  const answer = await call<WebhookEndpointWithSecret>('POST', '/v1/webhook-endpoints', { json: { ...wanted, ...body } });
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  return WebhookEndpointWithSecret.parse(answer.body);
};
const at = (id: string, rest = '') => `/v1/webhook-endpoints/${id}${rest}`;
const read = async (id: string) => WebhookEndpoint.parse((await call('GET', at(id))).body);

const Secrets = z.object({ secret: z.string(), previous: z.string().nullable(), seconds: z.number().nullable() });
const secretsOf = (id: string) =>
  one(
    api().db,
    Secrets,
    sql`SELECT secret, previous_secret AS previous, extract(epoch FROM previous_secret_until - now())::float8 AS seconds FROM webhook_endpoint WHERE id = ${id}`,
  );
const messages = (id: string) =>
  many(api().db, z.object({ n: z.number() }), sql`SELECT n FROM outbox WHERE ref_id = ${id} AND job = 'deliver-webhook'`);
/** A delivery that was given up. */
const exhausted = async (endpoint: string | null = null): Promise<DeliveryId> => {
  const id = newId('delivery');
  await exec(
    api().db,
    sql`INSERT INTO webhook_delivery (id, tenant_id, endpoint_id, type, sequence, url, body, status)
        VALUES (${id}, ${tenant.id}, ${endpoint}, 'generation.completed', 4, ${URL}, '{}', 'exhausted')`,
  );
  return id;
};

describe('an endpoint', () => {
  it('is created with a secret that is shown then and never again', async () => {
    const made = await create({ description: 'orders' });
    expect(made).toMatchObject({ ...wanted, description: 'orders', status: 'enabled', disabled_reason: null, failing_since: null });
    expect(made.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const { secret: _, ...shown } = made;
    const answer = await call('GET', at(made.id));
    expect([answer.status, answer.body]).toEqual([200, shown]);
    const listed = await call<WebhookEndpointList>('GET', '/v1/webhook-endpoints');
    expect([listed.status, listed.body]).toEqual([200, { data: [shown], next_cursor: null }]);
  });

  it.each([
    [{ events: [] }, '/events'],
    [{ events: ['completed'] }, '/events/0'],
    [{ events: ['generation.completed', 'generation.completed'] }, '/events'],
    [{ url: 'ftp://example.com/' }, '/url'],
    [{ url: 'https://user:pass@example.com/' }, '/url'],
    [{ url: undefined }, '/url'],
    [{ secret: 'whsec_mine' }, '/secret'],
    [{ status: 'disabled' }, '/status'],
    [{ description: 'x'.repeat(501) }, '/description'],
  ])('is not created with %j', async (change, pointer) => {
    const { status, body } = await call<Problem>('POST', '/v1/webhook-endpoints', { json: { ...wanted, ...change } });
    expect([status, body.code, body.errors?.[0]?.pointer]).toEqual([422, 'validation_failed', pointer]);
  });

  it.each(['https://127.0.0.1/', 'http://93.184.215.14/', 'https://[64:ff9b:1::1]/', 'https://93.184.215.14:25/'])(
    'at %s is refused, at creation and later',
    async (url) => {
      const { id } = await create();
      for (const answer of [
        await call<Problem>('POST', '/v1/webhook-endpoints', { json: { ...wanted, url } }),
        await call<Problem>('PATCH', at(id), { json: { url } }),
      ])
        expect([answer.status, answer.body.code]).toEqual([422, 'webhook_url_blocked']);
      expect((await read(id)).url).toBe(URL);
    },
  );

  it('is one of so many', async () => {
    await exec(
      api().db,
      sql`INSERT INTO webhook_endpoint (id, tenant_id, url, events, secret)
          SELECT new_id('whe'), ${tenant.id}, ${URL}, ${['endpoint.test']}::text[], 'whsec_x' FROM generate_series(1, ${MOST_ENDPOINTS - 1})`,
    );
    await create();
    const { status, body } = await call<Problem>('POST', '/v1/webhook-endpoints', { json: wanted });
    expect([status, body.code]).toEqual([422, 'validation_failed']);
  });

  it('is changed where it is told to, and keeps the rest', async () => {
    const { id, secret, ...made } = await create({ description: 'orders' });
    const changed = await call('PATCH', at(id), { json: { url: 'https://93.184.215.14/other', events: [...EVENT_TYPES] } });
    expect(changed.status).toBe(200);
    expect(await read(id)).toEqual({
      ...{ ...made, id, url: 'https://93.184.215.14/other', events: [...EVENT_TYPES] },
      updated_at: expect.not.stringMatching(made.updated_at) as string,
    });
    await call('PATCH', at(id), { json: { description: null } });
    expect((await read(id)).description).toBeNull();
    expect((await secretsOf(id))?.secret).toBe(secret);
    const refused = await call<Problem>('PATCH', at(id), { json: { disabled_reason: 'failing' } });
    expect([refused.status, refused.body.errors?.[0]?.pointer]).toEqual([422, '/disabled_reason']);
  });

  it('is disabled by request; what disabled it before stays the reason, and enabling it clears the record', async () => {
    const { id } = await create();
    await call('PATCH', at(id), { json: { status: 'disabled' } });
    expect(await read(id)).toMatchObject({ status: 'disabled', disabled_reason: 'requested' });
    await exec(
      api().db,
      sql`UPDATE webhook_endpoint SET disabled_reason = 'failing', failing_since = now() - interval '5 days' WHERE id = ${id}`,
    );
    await call('PATCH', at(id), { json: { description: 'still' } });
    await call('PATCH', at(id), { json: { status: 'disabled' } });
    expect(await read(id)).toMatchObject({ status: 'disabled', disabled_reason: 'failing', failing_since: expect.any(String) as string });
    await call('PATCH', at(id), { json: { status: 'enabled' } });
    expect(await read(id)).toMatchObject({ status: 'enabled', disabled_reason: null, failing_since: null });
  });

  it('is removed, with its log', async () => {
    const { id } = await create();
    const delivery = await exhausted(id);
    expect((await call('DELETE', at(id))).status).toBe(204);
    for (const [method, path] of [
      ['GET', at(id)],
      ['DELETE', at(id)],
      ['GET', at(id, '/deliveries')],
      ['POST', `/v1/webhook-deliveries/${delivery}/replay`],
    ] as const)
      expect((await call<Problem>(method, path)).status, `${method} ${path}`).toBe(404);
    expect(await messages(delivery)).toEqual([]);
  });

  it('stands in a list of pages, newest first', async () => {
    const ids = [await create(), await create(), await create()].map(({ id }) => id).reverse();
    const first = await call<WebhookEndpointList>('GET', '/v1/webhook-endpoints?limit=2');
    expect(first.body.data.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    const second = await call<WebhookEndpointList>('GET', `/v1/webhook-endpoints?limit=2&cursor=${first.body.next_cursor}`);
    expect([second.body.data.map(({ id }) => id), second.body.next_cursor]).toEqual([ids.slice(2), null]);
    for (const query of ['?limit=0', '?cursor=x', '?status=enabled'])
      expect((await call<Problem>('GET', `/v1/webhook-endpoints${query}`)).status).toBe(422);
  });
});

describe('another tenant’s ids', () => {
  it('are not found, by any route', async () => {
    const { id } = await create();
    const delivery = await exhausted(id);
    const own = await exhausted();
    const { key } = await api().newTenant();
    const attempts: [string, string, object?][] = [
      ['GET', at(id)],
      ['PATCH', at(id), { status: 'disabled' }],
      ['POST', at(id, '/rotate-secret'), {}],
      ['POST', at(id, '/test')],
      ['GET', at(id, '/deliveries')],
      ['POST', at(id, '/recover'), { since: '2026-01-01T00:00:00Z' }],
      ['POST', `/v1/webhook-deliveries/${delivery}/replay`],
      ['POST', `/v1/webhook-deliveries/${own}/replay`],
      ['DELETE', at(id)],
    ];
    const before = await secretsOf(id);
    for (const [method, path, body] of attempts) {
      const answer = await call<Problem>(method, path, { key, ...(body ? { json: body } : {}) });
      expect([answer.status, answer.body.code], `${method} ${path}`).toEqual([404, 'not_found']);
    }
    expect(await secretsOf(id)).toEqual(before);
    expect([await messages(delivery), await messages(own), (await read(id)).status]).toEqual([[], [], 'enabled']);
    const listed = await call<WebhookEndpointList>('GET', '/v1/webhook-endpoints', { key });
    expect(listed.body.data).toEqual([]);
  });

  it.each(['whe_x', 'gen_06g3hvyn1pqtx0000000000000', '%00'])('nor is %s', async (id) => {
    expect((await call('GET', at(id))).status).toBe(404);
    expect((await call('POST', `/v1/webhook-deliveries/${id}/replay`)).status).toBe(404);
  });
});

it('needs the scope', async () => {
  const { key } = await api().newKey(tenant.id, ['generations:read', 'generations:write']);
  for (const path of ['/v1/webhook-endpoints', '/v1/webhooks/default/secret'])
    expect((await call<Problem>('GET', path, { key })).body.code).toBe('insufficient_scope');
});

describe('rotation', () => {
  it.each<[string, CallOptions, number]>([
    ['without a body: for a day', {}, 86_400],
    ['with an empty one', { json: {} }, 86_400],
    ['for as long as it is told', { json: { overlap_seconds: 60 } }, 60],
    ['at once', { json: { overlap_seconds: 0 } }, 0],
  ])('gives a new secret and keeps the former one %s', async (_name, options, seconds) => {
    const { id, secret } = await create();
    const { status, body } = await call<WebhookEndpointWithSecret>('POST', at(id, '/rotate-secret'), options);
    expect(status).toBe(200);
    expect(body.secret).toMatch(/^whsec_/);
    expect(body.secret).not.toBe(secret);
    const kept = await secretsOf(id);
    expect(kept).toMatchObject({ secret: body.secret, previous: secret });
    expect(Math.abs((kept?.seconds ?? 0) - seconds)).toBeLessThan(5);
    expect((await read(id)).previous_secret_until === null).toBe(seconds === 0);
  });

  it.each([{ overlap_seconds: -1 }, { overlap_seconds: 1.5 }, { overlap_seconds: 604_801 }, { overlap: 1 }])(
    'is refused with %j',
    async (body) => {
      const { id, secret } = await create();
      expect((await call<Problem>('POST', at(id, '/rotate-secret'), { json: body })).body.code).toBe('validation_failed');
      expect((await secretsOf(id))?.secret).toBe(secret);
    },
  );

  it('of the default secret is the tenant’s own', async () => {
    const get = () => call<{ key: string }>('GET', '/v1/webhooks/default/secret').then(({ body }) => body.key);
    const former = await get();
    const others = await call<{ key: string }>('GET', '/v1/webhooks/default/secret', { key: api().tenant.key });
    const { status, body } = await call<{ key: string }>('POST', '/v1/webhooks/default/secret/rotate');
    expect([status, body.key]).toEqual([200, await get()]);
    expect(body.key).not.toBe(former);
    const row = await one(
      api().db,
      z.object({ previous: z.string(), hours: z.number() }),
      sql`SELECT previous_webhook_secret AS previous, round(extract(epoch FROM previous_webhook_secret_until - now()) / 3600)::int AS hours
            FROM tenant WHERE id = ${tenant.id}`,
    );
    expect(row).toEqual({ previous: former, hours: 24 });
    expect((await call<{ key: string }>('GET', '/v1/webhooks/default/secret', { key: api().tenant.key })).body).toEqual(others.body);
  });
});

describe('a test', () => {
  it('is a delivery to the endpoint, whatever it listens to', async () => {
    const { id } = await create();
    await create({ events: ['endpoint.test'] });
    const { status, body } = await call<{ delivery_id: string }>('POST', at(id, '/test'));
    expect(status).toBe(202);
    expect(await messages(body.delivery_id)).toEqual([{ n: 1 }]);
    const sent = await many(
      api().db,
      z.object({ id: z.string(), endpoint_id: z.string(), body: z.unknown(), sequence: z.number() }),
      sql`SELECT id, endpoint_id, body, sequence FROM webhook_delivery WHERE tenant_id = ${tenant.id}`,
    );
    expect(sent).toMatchObject([{ id: body.delivery_id, endpoint_id: id, sequence: 2 }]);
    expect(EndpointEvent.parse(sent[0]?.body)).toMatchObject({ type: 'endpoint.test', data: { id, status: 'enabled', sequence: 2 } });
  });

  it('is refused while it is disabled', async () => {
    const { id } = await create();
    await call('PATCH', at(id), { json: { status: 'disabled' } });
    const { status, body } = await call<Problem>('POST', at(id, '/test'));
    expect([status, body.code]).toEqual([409, 'endpoint_disabled']);
  });
});
