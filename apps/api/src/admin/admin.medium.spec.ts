import { beforeAll, describe, expect, it } from 'vitest';
import {
  newId,
  type ApiKey,
  type DeadLetterList,
  type ErrorCode,
  type WorkerClassList,
  type WorkerClassView,
  type WorkerList,
  type Generation,
  type NewApiKey,
  type Problem,
  type Tenant,
  type TenantList,
} from '@likeness/contracts';
import { exec, json, many, sql } from '@likeness/platform/db';
import { z } from 'zod';
import { picture, startApi, useApi, type TestApi } from '../testing/api.ts';

const api = useApi();
let admin = '';
beforeAll(async () => {
  admin = (await api().newKey(api().tenant.id, ['admin'])).key;
});

const call = <T>(method: string, path: string, json?: unknown, key: string | null = admin) =>
  api().call<T>(method, path, { key, ...(json === undefined ? {} : { json }) });

async function newTenant(settings: object = {}): Promise<Tenant> {
  const { status, body } = await call<Tenant>('POST', '/admin/tenants', { name: newId('request'), ...settings });
  expect(status).toBe(201);
  return body;
}
async function newKey(tenant: string, scopes = ['generations:read']): Promise<NewApiKey> {
  const { status, body } = await call<NewApiKey>('POST', `/admin/tenants/${tenant}/keys`, { name: 'a shop', scopes });
  expect(status).toBe(201);
  return body;
}
const reads = async (key: string) => (await call('GET', '/v1/generations', undefined, key)).status;

describe('/admin', () => {
  it('is for keys with the scope admin alone', async () => {
    const { id } = await newTenant();
    for (const [method, path, body] of [
      ['GET', '/admin/tenants'],
      ['POST', '/admin/tenants', { name: 'mine' }],
      ['GET', `/admin/tenants/${id}`],
      ['PATCH', `/admin/tenants/${id}`, { max_active: 1_000_000 }],
      ['DELETE', `/admin/tenants/${id}`],
      ['POST', `/admin/tenants/${api().tenant.id}/keys`, { name: 'mine', scopes: ['admin'] }],
      ['DELETE', `/admin/keys/${newId('key')}`],
    ] as const) {
      expect((await call(method, path, body, api().tenant.key)).status, `${method} ${path}`).toBe(403);
      expect((await call(method, path, body, null)).status, `${method} ${path}`).toBe(401);
    }
    expect((await call('GET', `/admin/tenants/${id}`)).status).toBe(200);
  });

  it('creates, lists, reads and changes tenants', async () => {
    const made = await newTenant({ rate_limit_per_minute: 7, max_active: 3, monthly_images: 12, retention: 'P1DT12H' });
    expect(made).toMatchObject({
      object: 'tenant',
      status: 'active',
      rate_limit_per_minute: 7,
      max_active: 3,
      monthly_images: 12,
      retention: 'P1DT12H',
    });
    expect((await call<Tenant>('GET', `/admin/tenants/${made.id}`)).body).toEqual(made);
    const { body: changed } = await call<Tenant>('PATCH', `/admin/tenants/${made.id}`, { monthly_images: null, max_active: 4 });
    expect(changed).toEqual({ ...made, monthly_images: null, max_active: 4 });
    expect((await call<Tenant>('PATCH', `/admin/tenants/${made.id}`, {})).body).toEqual(changed);

    const other = await newTenant();
    const { body: page } = await call<TenantList>('GET', '/admin/tenants?limit=1');
    expect(page.data).toEqual([other]);
    const { body: next } = await call<TenantList>('GET', `/admin/tenants?limit=1&cursor=${page.next_cursor}`);
    expect(next.data).toEqual([changed]);
  });

  it('gives a tenant without settings the defaults', async () => {
    expect(await newTenant()).toMatchObject({ rate_limit_per_minute: 600, max_active: 1000, monthly_images: null, retention: 'P30D' });
  });

  it.each([
    [{}, '/name'],
    [{ name: '' }, '/name'],
    [{ name: 'x', colour: 'red' }, '/colour'],
    [{ name: 'x', retention: '30 days' }, '/retention'],
    [{ name: 'x', max_active: -1 }, '/max_active'],
    [{ name: 'x', rate_limit_per_minute: 1.5 }, '/rate_limit_per_minute'],
    [{ name: 'x', monthly_images: 2 ** 31 }, '/monthly_images'],
    [{ name: 'nul \0' }, '/name'],
  ])('refuses a tenant %j and names %s', async (body, pointer) => {
    const answer = await call<Problem>('POST', '/admin/tenants', body);
    expect([answer.status, answer.body.errors?.[0]?.pointer]).toEqual([422, pointer]);
  });

  it('has every name once', async () => {
    const { name } = await newTenant();
    const { id } = await newTenant();
    for (const answer of [
      await call<Problem>('POST', '/admin/tenants', { name }),
      await call<Problem>('PATCH', `/admin/tenants/${id}`, { name }),
    ]) {
      expect([answer.status, answer.body.code, answer.body.errors?.[0]?.pointer]).toEqual([422, 'validation_failed', '/name']);
    }
  });

  it('knows nothing of ids that are none', async () => {
    for (const id of [newId('tenant'), 'ten_', 'x'.repeat(80), newId('key')]) {
      expect((await call('GET', `/admin/tenants/${id}`)).status).toBe(404);
      expect((await call('PATCH', `/admin/tenants/${id}`, {})).status).toBe(404);
      expect((await call('DELETE', `/admin/tenants/${id}`)).status).toBe(404);
      expect((await call('GET', `/admin/tenants/${id}/keys`)).status).toBe(404);
      expect((await call('POST', `/admin/tenants/${id}/keys`, { name: 'x', scopes: ['admin'] })).status).toBe(404);
    }
    for (const id of [newId('key'), newId('tenant'), 'x']) {
      expect((await call('DELETE', `/admin/keys/${id}`)).status).toBe(404);
      expect((await call('POST', `/admin/keys/${id}/rotate`, { overlap_seconds: 1 })).status).toBe(404);
    }
  });
});

describe('an API key', () => {
  it('works with its scopes, and shows its secret once', async () => {
    const { id } = await newTenant();
    const made = await newKey(id, ['generations:read']);
    expect(await reads(made.key)).toBe(200);
    expect((await call('POST', '/v1/uploads', {}, made.key)).status).toBe(403);
    const { key: _secret, ...shown } = made;
    const list = await call<{ data: ApiKey[] }>('GET', `/admin/tenants/${id}/keys`);
    expect(list.body.data).toEqual([shown]);
    expect(JSON.stringify(list.body)).not.toContain('lk_');
    const rows = await many(api().db, z.object({ row: z.string() }), sql`SELECT k::text AS row FROM api_key k WHERE id = ${made.id}`);
    expect(rows[0]?.row).not.toContain(made.key.split('_')[2]);
  });

  it('is refused with scopes that are none, twice the same, or a time that has passed', async () => {
    const { id } = await newTenant();
    for (const body of [
      { name: 'x', scopes: [] },
      { name: 'x', scopes: ['root'] },
      { name: 'x', scopes: ['admin', 'admin'] },
      { name: 'x', scopes: ['admin'], expires_at: '2020-01-01T00:00:00Z' },
      { name: 'x' },
    ])
      expect((await call('POST', `/admin/tenants/${id}/keys`, body)).status, JSON.stringify(body)).toBe(422);
  });

  it('is replaced: the new secret works at once, the old one for the overlap, the one before it no more', async () => {
    const { id } = await newTenant();
    const first = await newKey(id);
    expect(await reads(first.key)).toBe(200); // remembered
    const rotate = async (overlap_seconds: number) =>
      (await call<NewApiKey>('POST', `/admin/keys/${first.id}/rotate`, { overlap_seconds })).body;
    const second = await rotate(3600);
    expect(second.id).toBe(first.id);
    expect(second.previous_secret_until).not.toBeNull();
    expect([await reads(first.key), await reads(second.key)]).toEqual([200, 200]);
    const third = await rotate(3600);
    await eventually(async () => (await reads(first.key)) === 401);
    expect([await reads(second.key), await reads(third.key)]).toEqual([200, 200]);
    const fourth = await rotate(0);
    await eventually(async () => (await reads(third.key)) === 401);
    expect(await reads(fourth.key)).toBe(200);
  });

  it('dies with all its secrets when it is revoked, on every API process within a second', async () => {
    const { id } = await newTenant();
    const old = await newKey(id);
    const { body: rotated } = await call<NewApiKey>('POST', `/admin/keys/${old.id}/rotate`, { overlap_seconds: 3600 });
    const twin = await secondProcess();
    try {
      const readsThere = async (key: string) => (await twin.call('GET', '/v1/generations', { key })).status;
      expect([await reads(old.key), await readsThere(old.key), await readsThere(rotated.key)]).toEqual([200, 200, 200]);
      expect((await call('DELETE', `/admin/keys/${old.id}`)).status).toBe(204);
      const start = Date.now();
      await eventually(async () =>
        (await Promise.all([reads(old.key), readsThere(old.key), readsThere(rotated.key)])).every((status) => status === 401),
      );
      expect(Date.now() - start).toBeLessThan(1_000);
    } finally {
      await twin.stop();
    }
    expect((await call('DELETE', `/admin/keys/${old.id}`)).status).toBe(404);
    expect((await call('POST', `/admin/keys/${old.id}/rotate`, { overlap_seconds: 1 })).status).toBe(404);
  });
});

describe('a tenant that is deleted', () => {
  it('takes nothing new from the moment on, and frees its name', async () => {
    const made = await newTenant();
    const { key } = await newKey(made.id, ['generations:write', 'generations:read']);
    expect(await reads(key)).toBe(200);
    const { status, body } = await call<Tenant>('DELETE', `/admin/tenants/${made.id}`);
    expect([status, body.status]).toEqual([202, 'deleting']);
    await eventually(async () => (await reads(key)) === 401);
    expect((await call('POST', `/admin/tenants/${made.id}/keys`, { name: 'x', scopes: ['admin'] })).status).toBe(404);
    expect((await call('PATCH', `/admin/tenants/${made.id}`, { max_active: 5 })).status).toBe(404);
    expect((await call('DELETE', `/admin/tenants/${made.id}`)).status).toBe(202);
    expect((await call('POST', '/admin/tenants', { name: made.name })).status).toBe(201);
  });

  it('is not the one whose key asks', async () => {
    expect((await call('DELETE', `/admin/tenants/${api().tenant.id}`)).status).toBe(422);
  });
});

describe('a worker class', () => {
  it('is paused and resumed, and says so; a class that is none is not found', async () => {
    const of = async (name: string) =>
      (await call<WorkerClassList>('GET', '/admin/worker-classes')).body.data.find((one) => one.class === name);
    expect(await of('diffusion')).toEqual({ class: 'diffusion', paused: false, paused_at: null, demand: 0, slots: 0 });
    const { status, body } = await call<WorkerClassView>('POST', '/admin/worker-classes/diffusion/pause');
    expect([status, body.paused]).toEqual([200, true]);
    expect((await call<WorkerClassView>('POST', '/admin/worker-classes/diffusion/pause')).body).toEqual(body);
    expect(await of('diffusion')).toEqual(body);
    expect((await of('parsing'))?.paused).toBe(false);
    expect((await call('GET', '/v1/queue')).body).toMatchObject({
      diffusion: { demand: 0, queued: 0, processing: 0, slots: 0, oldest_seconds: 0 },
    });
    expect((await call<WorkerClassView>('POST', '/admin/worker-classes/diffusion/resume')).body).toMatchObject({
      paused: false,
      paused_at: null,
    });
    expect((await call('POST', '/admin/worker-classes/webhooks/pause')).status).toBe(404);
    expect((await call('POST', '/admin/worker-classes/diffusion/pause', undefined, api().tenant.key)).status).toBe(403);
  });
});

it('workers are listed with what they work on; one that is silent is lost', async () => {
  const [busy, silent] = [newId('worker', 1), newId('worker', 2)];
  await exec(
    api().db,
    sql`INSERT INTO worker (id, class, slots, host, pid, state, seen_at)
        VALUES (${busy}, 'parsing', 2, 'one', 11, 'busy', now()), (${silent}, 'parsing', 1, 'two', 22, 'idle', now() - interval '20 seconds')`,
  );
  const id = await failedGeneration('worker_lost');
  await exec(api().db, sql`UPDATE stage SET status = 'processing', worker_id = ${busy}, started_at = now() WHERE generation_id = ${id}`);
  const { body } = await call<WorkerList>('GET', '/admin/workers');
  expect(body.data).toMatchObject([
    {
      id: busy,
      class: 'parsing',
      state: 'busy',
      slots: 2,
      host: 'one',
      pid: 11,
      working_on: [{ generation_id: id, stage: 'parse', attempt: 3, tenant_id: api().tenant.id }],
    },
    { id: silent, state: 'lost', working_on: [] },
  ]);
});

describe('dead letters', () => {
  it('are what failed by our own fault and what was never delivered, newest first, page by page', async () => {
    await exec(api().db, sql`DELETE FROM generation`);
    const first = await failedGeneration('worker_lost');
    await failedGeneration('no_face_detected'); // the request's own fault
    const delivery = newId('delivery', clock++);
    await exec(
      api().db,
      sql`INSERT INTO webhook_delivery (id, tenant_id, type, sequence, url, body, status, attempt) VALUES (${delivery}, ${api().tenant.id}, 'generation.completed', 1, 'https://shop.example/hook?token=secret', '{}', 'exhausted', 8)`,
    );
    await exec(
      api().db,
      sql`INSERT INTO webhook_attempt (delivery_id, attempt, duration_ms, error) VALUES (${delivery}, 8, 1, 'the receiver answered 500')`,
    );
    const last = await failedGeneration('storage_unavailable');
    const list = (query: string) => call<DeadLetterList>('GET', `/admin/dead-letters${query}`);
    const { body } = await list('');
    expect(body.next_cursor).toBeNull();
    expect(body.data).toEqual([
      expect.objectContaining({ id: last, kind: 'generation', code: 'storage_unavailable', attempts: 3, tenant_id: api().tenant.id }),
      expect.objectContaining({
        id: delivery,
        kind: 'webhook_delivery',
        generation_id: null,
        code: null,
        detail: 'the receiver answered 500',
        attempts: 8,
      }),
      expect.objectContaining({ id: first, kind: 'generation', generation_id: first, code: 'worker_lost' }),
    ]);
    expect(JSON.stringify(body)).not.toContain('token=secret');
    const ids: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: DeadLetterList = (await list(`?limit=1${cursor && `&cursor=${cursor}`}`)).body;
      ids.push(...page.data.map(({ id }) => id));
      cursor = page.next_cursor;
    }
    expect(ids).toEqual([last, delivery, first]);
    expect((await list('?cursor=x')).status).toBe(422);
  });
});

/** Ids of one millisecond have no order. */
let clock = 1_700_000_000_000;

/** A generation that failed in its first stage, in the third attempt. */
async function failedGeneration(code: ErrorCode): Promise<string> {
  const [id, stage] = [newId('generation', clock++), newId('stage')];
  await exec(
    api().db,
    sql`
    WITH failed AS (
      INSERT INTO generation (id, tenant_id, status, input, pack, error, completed_at)
      VALUES (${id}, ${api().tenant.id}, 'failed', '{}', '{}', ${json({ code, detail: 'so it was' })}::jsonb, now()) RETURNING *
    )
    INSERT INTO stage (id, generation_id, tenant_id, name, queue, status, attempt) SELECT ${stage}, id, tenant_id, 'parse', 'parsing', 'failed', 3 FROM failed`,
  );
  return id;
}

it('the retention of a tenant is that of a generation that names none', async () => {
  const { id } = await newTenant({ retention: 'PT36H' });
  const { key } = await newKey(id, ['generations:write']);
  const reference = `data:image/jpeg;base64,${(await picture()).toString('base64')}`;
  const create = (more: object) =>
    call<Generation>('POST', '/v1/generations', { input: { prompt: 'a person', reference_images: [reference] }, ...more }, key);
  const [ofTenant, own] = [await create({}), await create({ retention: 'PT1H' })];
  const rows = await many(
    api().db,
    z.object({ id: z.string(), hours: z.number() }),
    sql`SELECT id, extract(epoch FROM retention)::float8 / 3600 AS hours FROM generation WHERE tenant_id = ${id} ORDER BY id`,
  );
  expect(rows).toEqual([
    { id: ofTenant.body.id, hours: 36 },
    { id: own.body.id, hours: 1 },
  ]);
});

/** Another API process on the same database. */
function secondProcess(): Promise<TestApi> {
  return startApi({ DATABASE_URL: api().db.pool.options.connectionString ?? '' });
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (const until = Date.now() + 4_900; !(await holds());) {
    if (Date.now() > until) throw new Error('it did not come true within 4.9 s');
    await new Promise((done) => setTimeout(done, 20));
  }
}
