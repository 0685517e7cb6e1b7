import { describe, expect, it } from 'vitest';
import { newId, type Generation, type Limits, type Problem, type TenantId, type Usage } from '@likeness/contracts';
import { exec, many, sql } from '@likeness/platform/db';
import { z } from 'zod';
import { picture, useApi, type Tenant } from '../testing/api.ts';

const api = useApi();

async function newTenant(settings: { monthlyImages?: number; maxActive?: number } = {}): Promise<
  Tenant & {
    create: (more?: object) => Promise<{ status: number; body: Pick<Problem, 'code'> & Pick<Generation, 'id'>; headers: Headers }>;
  }
> {
  const tenant = await api().newTenant({ maxActive: settings.maxActive ?? 1000 });
  await exec(api().db, sql`UPDATE tenant SET monthly_images = ${settings.monthlyImages ?? null} WHERE id = ${tenant.id}`);
  const form = new FormData();
  form.append('file', new Blob([new Uint8Array(await picture())]), 'a.jpg');
  const upload = await api().call<{ id: string }>('POST', '/v1/uploads', { key: tenant.key, body: form });
  const create = (more: object = {}) =>
    api().call<Pick<Problem, 'code'> & Pick<Generation, 'id'>>('POST', '/v1/generations', {
      key: tenant.key,
      json: { input: { prompt: 'a person', reference_images: [upload.body.id], ...more } },
    });
  return { ...tenant, create };
}

const used = (tenantId: TenantId, day: string, status: string, images: number, gpuSeconds = 1) =>
  exec(
    api().db,
    sql`INSERT INTO usage_entry (tenant_id, day, status, images, gpu_seconds, cache_hits) VALUES (${tenantId}, ${day}::date, ${status}, ${images}, ${gpuSeconds}, 1)`,
  );
const today = new Date().toISOString().slice(0, 10);
const usageOf = (key: string, query = '') => api().call<Usage & Problem>('GET', `/v1/usage${query}`, { key });
const limitsOf = async (key: string) => (await api().call<Limits>('GET', '/v1/limits', { key })).body;

describe('GET /v1/usage', () => {
  it('sums what was used by day and month, entries and days alike, and gives the whole', async () => {
    const { id, key } = await newTenant();
    await exec(
      api().db,
      sql`INSERT INTO usage_day VALUES (${id}, '2026-01-31', 2, 0, 0, 0, 3, 1.5, 1), (${id}, '2026-02-01', 1, 1, 0, 0, 1, 0.25, 0)`,
    );
    await used(id, '2026-02-01', 'expired', 0, 0);
    await used(id, '2026-02-01', 'succeeded', 4, 0.5);
    const { body } = await usageOf(key, '?from=2026-01-31&to=2026-02-01');
    expect(body.data).toEqual([
      {
        period: '2026-01-31',
        generations: { succeeded: 2, failed: 0, canceled: 0, expired: 0 },
        images: 3,
        gpu_seconds: 1.5,
        cache_hits: 1,
      },
      {
        period: '2026-02-01',
        generations: { succeeded: 2, failed: 1, canceled: 0, expired: 1 },
        images: 5,
        gpu_seconds: 0.75,
        cache_hits: 2,
      },
    ]);
    expect(body.total).toEqual({
      generations: { succeeded: 4, failed: 1, canceled: 0, expired: 1 },
      images: 8,
      gpu_seconds: 2.25,
      cache_hits: 3,
    });
    const months = await usageOf(key, '?from=2026-01-01T00:00:00Z&to=2026-12-31&group_by=month');
    expect(months.body.data.map(({ period, images }) => [period, images])).toEqual([
      ['2026-01', 3],
      ['2026-02', 5],
    ]);
    expect((await usageOf(key, '?from=2026-02-01&to=2026-02-01')).body.total.images).toBe(5);
  });

  it('is of this month and of this tenant alone', async () => {
    const [mine, other] = [await newTenant(), await newTenant()];
    await used(other.id, today, 'succeeded', 9);
    await used(mine.id, '2001-01-01', 'succeeded', 5);
    await used(mine.id, today, 'succeeded', 2);
    expect((await usageOf(mine.key)).body.total.images).toBe(2);
  });

  it.each([
    ['?from=yesterday', '?from'],
    ['?from=2026-02-30', '?from'],
    ['?to=0000-01-01', '?to'],
    ['?to=9999-12-31', '?to'],
    ['?group_by=week', '?group_by'],
    ['?since=2026-01-01', '?since'],
    ['?from=2026-02-02&to=2026-02-01', '?to'],
  ])('refuses %s', async (query, pointer) => {
    const { status, body } = await usageOf((await newTenant()).key, query);
    expect([status, body.errors?.[0]?.pointer]).toEqual([422, pointer]);
  });
});

describe('the monthly quota', () => {
  it('holds exactly when 20 ask at once: what was made and what is being made count', async () => {
    const tenant = await newTenant({ monthlyImages: 20 });
    await used(tenant.id, today, 'succeeded', 3);
    const answers = await Promise.all(Array.from({ length: 20 }, () => tenant.create({ num_images: 3 })));
    const refused = answers.filter(({ status }) => status === 429);
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(5); // 3 + 5 × 3 = 18
    expect(refused).toHaveLength(15);
    expect(refused.map(({ body }) => body.code)).toEqual(refused.map(() => 'quota_exceeded'));
    expect(Number(refused[0]?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await limitsOf(tenant.key)).toMatchObject({ monthly_images: 20, images_left: 2, active: 5 });
    expect((await tenant.create({ num_images: 2 })).status).toBe(202);
    expect((await tenant.create()).status).toBe(429);
  });

  it('is not used by what failed, was canceled, or was made in another month', async () => {
    const tenant = await newTenant({ monthlyImages: 4 });
    await used(tenant.id, today, 'failed', 0);
    await used(tenant.id, '2001-01-01', 'succeeded', 400);
    const { body } = await tenant.create({ num_images: 4 });
    expect((await tenant.create()).status).toBe(429);
    expect((await api().call('POST', `/v1/generations/${body.id}/cancel`, { key: tenant.key })).status).toBe(200);
    expect((await usageOf(tenant.key)).body.total.generations).toEqual({ succeeded: 0, failed: 1, canceled: 1, expired: 0 });
    expect((await tenant.create({ num_images: 4 })).status).toBe(202);
  });

  it('of nothing admits nothing, and a refusal uses no Idempotency-Key up', async () => {
    const tenant = await newTenant({ monthlyImages: 0 });
    const headers = { 'idempotency-key': newId('request') };
    const send = async () =>
      api().call('POST', '/v1/generations', {
        key: tenant.key,
        headers,
        json: { input: { prompt: 'a person', reference_images: [`data:image/jpeg;base64,${(await picture()).toString('base64')}`] } },
      });
    expect((await send()).status).toBe(429);
    await exec(api().db, sql`UPDATE tenant SET monthly_images = NULL WHERE id = ${tenant.id}`);
    expect((await send()).status).toBe(202);
  });
});

describe('GET /v1/limits', () => {
  it('says what is allowed and what is left', async () => {
    const tenant = await newTenant({ maxActive: 7 });
    await tenant.create();
    const now = new Date();
    expect(await limitsOf(tenant.key)).toEqual({
      rate_limit_per_minute: 1_000_000,
      max_active: 7,
      active: 1,
      monthly_images: null,
      images_left: null,
      resets_at: new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1)).toISOString(),
    });
  });

  it('never shows less than nothing left', async () => {
    const tenant = await newTenant({ monthlyImages: 5 });
    await used(tenant.id, today, 'succeeded', 9);
    expect((await limitsOf(tenant.key)).images_left).toBe(0);
  });
});

it('usage outlives the generations', async () => {
  const tenant = await newTenant();
  const { body } = await tenant.create();
  await api().call('POST', `/v1/generations/${body.id}/cancel`, { key: tenant.key });
  await exec(api().db, sql`DELETE FROM generation WHERE tenant_id = ${tenant.id}`);
  expect((await usageOf(tenant.key)).body.total.generations.canceled).toBe(1);
  const left = await many(api().db, z.object({ status: z.string() }), sql`SELECT status FROM usage_entry WHERE tenant_id = ${tenant.id}`);
  expect(left).toEqual([{ status: 'canceled' }]);
});
