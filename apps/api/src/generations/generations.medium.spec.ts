import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { newId, type ArtifactId, type Generation, type GenerationList, type Problem, type StageId } from '@likeness/contracts';
import { claimStage, settleCancel } from '@likeness/generation';
import { exec, json, many, sql } from '@likeness/platform/db';
import { z } from 'zod';
import { useApi, type TestApi } from '../testing/api.ts';

const api = useApi();
const input = { reference_images: ['https://93.184.215.14/a.jpg'], prompt: 'a person' };

const create = async (key = api().tenant.key): Promise<Generation> => {
  const { status, body } = await api().call<Generation>('POST', '/v1/generations', { json: { input }, key });
  expect(status, JSON.stringify(body)).toBe(202);
  return body;
};
const get = <T = Generation>(id: string, options: Parameters<TestApi['call']>[2] = {}, query = '') =>
  api().call<T>('GET', `/v1/generations/${id}${query}`, options);

/** What the workers' statements do, as far as a reader can see it. */
const progress = (id: string, step: number) =>
  exec(
    api().db,
    sql`WITH changed AS (UPDATE generation SET status = 'processing', stage = 'sample', started_at = coalesce(started_at, now()), progress = ${json({ step, total: 20 })}::jsonb,
          sequence = sequence + 1 WHERE id = ${id} RETURNING id) SELECT pg_notify('generation', id) FROM changed`,
  );
async function succeed(id: string): Promise<ArtifactId> {
  const artifact = newId('artifact');
  await exec(
    api().db,
    sql`INSERT INTO artifact (id, generation_id, tenant_id, stage, name, object_key, content_type, size, sha256, detail)
        SELECT ${artifact}, id, tenant_id, 'sample', 'images', 'key', 'image/png', 3, 'abc', ${json({ width: 256, height: 256, seed: 7 })}::jsonb FROM generation WHERE id = ${id}`,
  );
  await exec(
    api().db,
    sql`WITH changed AS (UPDATE generation SET status = 'succeeded', stage = NULL, progress = NULL, completed_at = now(), expires_at = now() + retention, images = 1,
          sequence = sequence + 1 WHERE id = ${id} RETURNING id) SELECT pg_notify('generation', id) FROM changed`,
  );
  return artifact;
}

describe('GET /v1/generations/{id}', () => {
  it('shows stage, step and percent while it is worked on', async () => {
    const { id } = await create();
    await progress(id, 5);
    const { body } = await get(id);
    expect(body).toMatchObject({
      status: 'processing',
      stage: 'sample',
      sequence: 2,
      queue: null,
      progress: { step: 5, total: 20, percent: 25 },
    });
    expect(body.started_at).not.toBeNull();
  });

  it('shows the pictures with links of an hour when it has succeeded', async () => {
    const { id } = await create();
    const artifact = await succeed(id);
    const { body } = await get(id);
    expect(body).toMatchObject({ status: 'succeeded', stage: null, progress: null, usage: { images: 1 } });
    expect(body.output).toEqual([
      {
        id: artifact,
        index: 0,
        url: expect.any(String) as string,
        content_type: 'image/png',
        width: 256,
        height: 256,
        size: 3,
        sha256: 'abc',
        seed: 7,
      },
    ]);
    const url = new URL(body.output?.[0]?.url ?? '');
    expect(url.origin).toBe(api().url);
    expect(Number(url.searchParams.get('expires')) - Date.now() / 1000).toBeGreaterThan(3500);
    expect(Date.parse(body.expires_at ?? '') - Date.parse(body.completed_at ?? '')).toBe(30 * 86_400_000);
  });

  it('keeps nothing to see after its retention', async () => {
    const { id } = await create();
    await succeed(id);
    await exec(api().db, sql`UPDATE generation SET expires_at = now() WHERE id = ${id}`);
    expect((await get(id)).body).toMatchObject({ status: 'succeeded', data_removed: true, input: null, output: null });
  });

  it('has the sequence as ETag and answers 304 to whoever has it', async () => {
    const { id } = await create();
    const first = await get(id);
    expect(first.headers.get('etag')).toBe('"1"');
    const same = await get<string>(id, { headers: { 'if-none-match': '"1"' } });
    expect([same.status, same.body, same.headers.get('etag')]).toEqual([304, '', '"1"']);
    await progress(id, 1);
    expect((await get(id, { headers: { 'if-none-match': '"1"' } })).status).toBe(200);
  });

  it.each(['gen_00000000000000000000000000', 'gen_x', 'nothing', '%00', 'x'.repeat(300)])('%s does not exist', async (id) => {
    const { status, body } = await get<Problem>(id);
    expect([status, body.code]).toEqual([404, 'not_found']);
  });

  it('does not exist for another tenant', async () => {
    const { id } = await create();
    const other = await api().newTenant();
    for (const [method, path] of [
      ['GET', ''],
      ['POST', '/cancel'],
    ] as const) {
      const { status, body } = await api().call<Problem>(method, `/v1/generations/${id}${path}`, { key: other.key });
      expect([status, body.code]).toEqual([404, 'not_found']);
    }
    expect((await get(id)).body.cancel_requested_at).toBeNull();
  });

  it.each(['?wait=0', '?wait=61', '?wait=soon', '?wait=', '?colour=red'])('refuses %s', async (query) => {
    const { id } = await create();
    const { status, body } = await get<Problem>(id, {}, query);
    expect(status).toBe(422);
    expect(body.errors?.[0]?.pointer).toBe(query.split('=')[0]);
  });
});

describe('waiting', () => {
  const timed = async <T>(work: Promise<T>): Promise<[T, number]> => {
    const start = performance.now();
    return [await work, performance.now() - start];
  };

  it('?wait answers with the next change', async () => {
    const { id } = await create();
    const waiting = timed(get(id, {}, '?wait=10'));
    await sleep(300);
    await progress(id, 3);
    const [{ status, body }, ms] = await waiting;
    expect([status, body.sequence, body.progress?.step]).toEqual([200, 2, 3]);
    expect(ms).toBeGreaterThan(250);
    expect(ms).toBeLessThan(1500); // by the notification, not by looking again
  });

  it('?wait answers at the end of the time with what there is, and at once when it has ended', async () => {
    const { id } = await create();
    const [unchanged, long] = await timed(get(id, {}, '?wait=1'));
    expect([unchanged.status, unchanged.body.sequence]).toEqual([200, 1]);
    expect(long).toBeGreaterThan(950);
    await succeed(id);
    const [ended, short] = await timed(get(id, {}, '?wait=20'));
    expect(ended.body.status).toBe('succeeded');
    expect(short).toBeLessThan(900);
  });

  it('Prefer: wait gives 200 when it ends in time', async () => {
    const tenant = await api().newTenant();
    const waiting = api().call<Generation>('POST', '/v1/generations', { json: { input }, key: tenant.key, headers: { prefer: 'wait=20' } });
    let id: string | undefined;
    while (id === undefined) {
      await sleep(20);
      id = (await api().call<GenerationList>('GET', '/v1/generations', { key: tenant.key })).body.data[0]?.id;
    }
    await progress(id, 1);
    await succeed(id);
    const { status, body, headers } = await waiting;
    expect([status, body.id, body.status]).toEqual([200, id, 'succeeded']);
    expect(headers.get('preference-applied')).toBe('wait=20');
    expect(headers.get('location')).toBe(body.urls.get);
  });

  it('Prefer: wait gives 202 with Retry-After when the time runs out', async () => {
    const [{ status, body, headers }, ms] = await timed(
      api().call<Generation>('POST', '/v1/generations', { json: { input }, headers: { prefer: 'respond-async, wait=1' } }),
    );
    expect([status, body.status]).toEqual([202, 'queued']);
    expect([headers.get('preference-applied'), headers.get('retry-after')]).toEqual(['wait=1', '1']);
    expect(ms).toBeGreaterThan(950);
  });
});

describe('GET /v1/generations', () => {
  const list = (key: string, query = '') =>
    api().call<GenerationList & Pick<Problem, 'code' | 'errors'>>('GET', `/v1/generations${query}`, { key });

  it('walks through all of them once, newest first, while new ones come', async () => {
    const { key } = await api().newTenant();
    const made: string[] = [];
    for (let i = 0; i < 7; i++) made.unshift((await create(key)).id);
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const { status, body } = await list(key, `?limit=3${cursor && `&cursor=${cursor}`}`);
      expect(status).toBe(200);
      seen.push(...body.data.map(({ id }) => id));
      cursor = body.next_cursor;
      await create(key);
    }
    expect(seen).toEqual(made);
  });

  it('filters by status and time', async () => {
    const { key } = await api().newTenant();
    const [first, second] = [await create(key), await create(key)];
    await succeed(first.id);
    const ids = async (query: string) => (await list(key, query)).body.data.map(({ id }) => id);
    expect(await ids('?status=succeeded')).toEqual([first.id]);
    expect(await ids('?status=queued')).toEqual([second.id]);
    expect(await ids('?status=failed')).toEqual([]);
    const between = new Date(Date.parse(first.created_at)).toISOString();
    expect(await ids(`?created_after=${between}`)).toEqual([second.id, first.id].slice(0, (await ids(`?created_after=${between}`)).length));
    expect(await ids(`?created_after=${encodeURIComponent(new Date(Date.parse(second.created_at) + 1).toISOString())}`)).toEqual([]);
    expect(await ids('?created_after=2020-01-01T00:00:00Z')).toEqual([second.id, first.id]);
    expect(await ids('?created_after=2020-01-01T00:00:00%2B02:00')).toEqual([second.id, first.id]);
  });

  it('is the tenant’s own, and of every page the last has no cursor', async () => {
    const { key } = await api().newTenant();
    expect((await list(key)).body).toEqual({ data: [], next_cursor: null });
    await create(key);
    expect((await list(key, '?limit=1')).body.next_cursor).toBeNull();
  });

  it.each([
    ['?limit=0', '?limit'],
    ['?limit=101', '?limit'],
    ['?limit=many', '?limit'],
    ['?status=done', '?status'],
    ['?created_after=yesterday', '?created_after'],
    ['?cursor=xyz', '?cursor'],
    ['?order=asc', '?order'],
  ])('refuses %s', async (query, pointer) => {
    const { status, body } = await list(api().tenant.key, query);
    expect([status, body.code, body.errors?.[0]?.pointer]).toEqual([422, 'validation_failed', pointer]);
  });
});

describe('POST /v1/generations/{id}/cancel', () => {
  const cancel = (id: string) => api().call<Generation>('POST', `/v1/generations/${id}/cancel`);

  it('ends what is queued at once', async () => {
    const { id } = await create();
    const { status, body } = await cancel(id);
    expect([status, body.status]).toEqual([200, 'canceled']);
    expect(body.cancel_requested_at).not.toBeNull();
    expect((await cancel(id)).body).toEqual(body);
  });

  it('asks a worker that is at it to stop: 202 until it has', async () => {
    const { id } = await create();
    const [row] = await many(api().db, z.object({ id: z.custom<StageId>() }), sql`SELECT id FROM stage WHERE generation_id = ${id}`);
    const stage = row && (await claimStage(api().db, row.id, newId('worker'), api().store.vault.newKey()));
    if (!stage) throw new Error('the stage can be claimed');
    const { status, body } = await cancel(id);
    expect([status, body.status]).toEqual([202, 'processing']);
    expect(body.cancel_requested_at).not.toBeNull();
    expect((await cancel(id)).status).toBe(202);
    await settleCancel(api().db, stage.generation_id, stage);
    expect((await cancel(id)).body).toMatchObject({ status: 'canceled', output: null, error: null });
  });

  it('leaves what has ended as it is', async () => {
    const { id } = await create();
    await succeed(id);
    const { status, body } = await cancel(id);
    expect([status, body.status, body.cancel_requested_at]).toEqual([200, 'succeeded', null]);
  });
});
