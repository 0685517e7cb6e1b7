import { newId, type Batch, type BatchItem, type Generation, type Problem, type StageId } from '@likeness/contracts';
import { claimStage, completeBatches, failStage, settleCancel } from '@likeness/generation';
import { exec, many, sql } from '@likeness/platform/db';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { picture as makePicture, useApi, type Tenant } from '../testing/api.ts';

const api = useApi({ EGRESS_ALLOW_CIDRS: '192.0.2.0/24' });
const picture = 'https://93.184.215.14/a.jpg';
const input = { reference_images: [picture], prompt: 'a person', pack: 'noop' };

const dataUri = async () => `data:image/jpeg;base64,${(await makePicture()).toString('base64')}`;

type List<T> = { data: T[]; next_cursor: string | null };
const send = <T = Batch>(json: unknown, headers: Record<string, string> = {}, key = api().tenant.key) =>
  api().call<T>('POST', '/v1/batches', { json, headers, key });
const named = (n: number, first = 0) => Array.from({ length: n }, (_, i) => ({ custom_id: `item-${first + i}`, input }));

async function make(items: unknown[], rest: object = {}, key = api().tenant.key): Promise<Batch> {
  const { status, body } = await send({ items, ...rest }, {}, key);
  expect(status, JSON.stringify(body)).toBe(202);
  return body;
}
const read = async (id: string, key = api().tenant.key) => (await api().call<Batch>('GET', `/v1/batches/${id}`, { key })).body;
async function itemsOf(id: string, key = api().tenant.key): Promise<BatchItem[]> {
  const all: BatchItem[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const path: string = `/v1/batches/${id}/items?limit=100${cursor && `&cursor=${cursor}`}`;
    const page: List<BatchItem> = (await api().call<List<BatchItem>>('GET', path, { key })).body;
    all.push(...page.data);
    cursor = page.next_cursor;
  }
  return all;
}
const outcomes = (items: BatchItem[]) => items.map(({ custom_id, status, error }) => [custom_id, status, error?.code]);

async function claim(generationId: string | null) {
  const [row] = await many(
    api().db,
    z.object({ id: z.custom<StageId>() }),
    sql`SELECT id FROM stage WHERE generation_id = ${generationId}`,
  );
  const stage = row && (await claimStage(api().db, row.id, newId('worker'), api().store.vault.newKey()));
  if (!stage) throw new Error('the stage can be claimed');
  return stage;
}
async function fail(generationId: string | null) {
  const stage = await claim(generationId);
  await failStage(api().db, stage, {
    code: 'no_face_detected',
    title: 'No face.',
    detail: 'No face.',
    hint: 'Another picture.',
    retryable: false,
    stage: 'parse',
  });
}
const deliveries = (id: string) =>
  many(
    api().db,
    z.object({ url: z.string(), body: z.record(z.string(), z.unknown()) }),
    sql`SELECT url, body FROM webhook_delivery WHERE type = 'batch.completed' AND body->'data'->>'id' = ${id}`,
  );

describe('POST /v1/batches', () => {
  it('makes a generation of every item', async () => {
    const { status, headers, body } = await send({ items: named(3) });
    expect(status).toBe(202);
    expect(headers.get('location')).toBe(body.urls.get);
    expect(body).toMatchObject({
      object: 'batch',
      status: 'processing',
      counts: { total: 3, accepted: 3, rejected: 0, succeeded: 0, failed: 0, canceled: 0 },
      cancel_requested_at: null,
      completed_at: null,
    });
    const items = await itemsOf(body.id);
    expect(outcomes(items)).toEqual([0, 1, 2].map((n) => [`item-${n}`, 'queued', undefined]));
    const { body: generation } = await api().call<Generation>('GET', `/v1/generations/${items[1]?.generation_id}`);
    expect(generation).toMatchObject({ status: 'queued', batch: { id: body.id, custom_id: 'item-1' }, input: { prompt: 'a person' } });
    expect(await read(body.id)).toEqual(body);
  });

  it('fills the defaults in; what the item says goes before', async () => {
    const defaults = { input: { ...input, steps: 7, seed: 1 }, metadata: { order: '17', size: 'M' }, priority: 'low', cancel_after: '1h' };
    const batch = await make(
      [
        { custom_id: 'as-given' },
        { custom_id: 'own', input: { prompt: 'somebody else', seed: 2 }, metadata: { size: 'L' } },
        { custom_id: 'wrong', input: { prompt: '' } },
      ],
      { defaults },
    );
    const items = await itemsOf(batch.id);
    expect(outcomes(items)[2]).toEqual(['wrong', 'rejected', 'validation_failed']);
    const [given, own] = await Promise.all(
      items.slice(0, 2).map(async (item) => (await api().call<Generation>('GET', `/v1/generations/${item.generation_id}`)).body),
    );
    expect(given).toMatchObject({
      input: { prompt: 'a person', steps: 7, seed: 1 },
      metadata: { order: '17', size: 'M' },
      priority: 'low',
    });
    expect(own).toMatchObject({ input: { prompt: 'somebody else', steps: 7, seed: 2 }, metadata: { order: '17', size: 'L' } });
    expect(Date.parse(own?.deadline_at ?? '') - Date.parse(own?.created_at ?? '')).toBe(3_600_000);
  });

  it('takes the person of the item for that of the batch', async () => {
    const consent = { basis: 'consent', obtained_at: '2026-01-01T00:00:00Z', policy_version: '1' };
    const { status, body: subject } = await api().call<{ id: string }>('POST', '/v1/subjects', {
      json: { reference_images: [await dataUri()], consent },
    });
    expect(status, JSON.stringify(subject)).toBe(201);
    const { reference_images, ...scene } = input;
    const batch = await make(
      [
        { custom_id: 'the batch’s' },
        { custom_id: 'a subject', input: { subject: subject.id } },
        { custom_id: 'both', input: { subject: subject.id, reference_images } },
      ],
      { defaults: { input: { ...scene, reference_images } } },
    );
    const items = await itemsOf(batch.id);
    expect(outcomes(items).map(([, status, code]) => [status, code])).toEqual([
      ['queued', undefined],
      ['queued', undefined],
      ['rejected', 'validation_failed'],
    ]);
    const { body } = await api().call<Generation>('GET', `/v1/generations/${items[1]?.generation_id}`);
    expect(body.input).toMatchObject({ subject: subject.id });
  });

  it('rejects what is wrong, and why, and nothing else', async () => {
    const upload = newId('upload');
    const batch = await make([
      { custom_id: 'good', input },
      { custom_id: 'good', input },
      { custom_id: 'steps', input: { ...input, steps: 0, stpes: 3 } },
      { custom_id: 'pack', input: { ...input, pack: 'unknown' } },
      { custom_id: 'private', input: { ...input, reference_images: ['https://10.0.0.1/a.jpg'] } },
      { custom_id: 'upload', input: { ...input, reference_images: [upload] } },
      { custom_id: 'svg', input: { ...input, reference_images: ['data:image/svg+xml;base64,PHN2Zy8+'] } },
      { custom_id: 'extra', input, colour: 'red' },
      { custom_id: 'none' },
      { custom_id: 'text', input: 'a person' },
      { custom_id: 'also good', input },
    ]);
    expect(batch.counts).toMatchObject({ total: 11, accepted: 2, rejected: 9 });
    const items = await itemsOf(batch.id);
    expect(outcomes(items)).toEqual([
      ['good', 'queued', undefined],
      ['good', 'rejected', 'duplicate_custom_id'],
      ['steps', 'rejected', 'validation_failed'],
      ['pack', 'rejected', 'validation_failed'],
      ['private', 'rejected', 'input_url_blocked'],
      ['upload', 'rejected', 'upload_invalid'],
      ['svg', 'rejected', 'image_unreadable'],
      ['extra', 'rejected', 'validation_failed'],
      ['none', 'rejected', 'validation_failed'],
      ['text', 'rejected', 'validation_failed'],
      ['also good', 'queued', undefined],
    ]);
    expect(items[1]?.error?.detail).toContain('item 0');
    expect(items[2]?.error?.errors?.map(({ pointer }) => pointer).sort()).toEqual(['/items/2/input/steps', '/items/2/input/stpes']);
    expect(items[5]?.error).toMatchObject({ detail: expect.stringContaining(upload) as string, retryable: false, stage: null });
    expect(items[7]?.error?.errors?.[0]?.pointer).toBe('/items/7/colour');
    expect(items[8]?.error?.errors?.[0]?.pointer).toBe('/items/8/input');
  });

  it.each([
    ['no items', { items: [] }, '/items'],
    ['too many', { items: named(1001) }, '/items'],
    ['an item without a name', { items: [{ input }] }, '/items/0/custom_id'],
    ['a field that is not known', { items: named(1), colour: 'red' }, '/colour'],
    ['defaults that are not known', { items: named(1), defaults: { input: { stpes: 1 } } }, '/defaults/input/stpes'],
    ['a webhook that is no URL', { items: named(1), webhook: 'ftp://a' }, '/webhook'],
    ['a text', 'items', ''],
  ])('refuses %s', async (_, json, pointer) => {
    const { status, body } = await send<Problem>(json);
    expect([status, body.code, body.errors?.[0]?.pointer]).toEqual([422, 'validation_failed', pointer]);
  });

  it('refuses a webhook that may not be called', async () => {
    const { status, body } = await send<Problem>({ items: named(1), webhook: 'https://10.0.0.1/hook' });
    expect([status, body.code]).toEqual([422, 'webhook_url_blocked']);
  });

  it('keeps to the tenant’s cap and quota: items beyond it are rejected, not the batch', async () => {
    const { id, key } = await api().newTenant({ maxActive: 5 });
    const capped = await make(named(8), {}, key);
    expect(capped.counts).toMatchObject({ accepted: 5, rejected: 3 });
    const items = await itemsOf(capped.id, key);
    expect(outcomes(items).slice(4)).toEqual([
      ['item-4', 'queued', undefined],
      ...[5, 6, 7].map((n) => [`item-${n}`, 'rejected', 'queue_full']),
    ]);
    expect(items[5]?.error?.retryable).toBe(true);
    await exec(api().db, sql`UPDATE tenant SET max_active = 1000, monthly_images = 7 WHERE id = ${id}`);
    const quota = await make(named(4), {}, key);
    expect(outcomes(await itemsOf(quota.id, key)).map(([, status, code]) => [status, code])).toEqual([
      ['queued', undefined],
      ['queued', undefined],
      ['rejected', 'quota_exceeded'],
      ['rejected', 'quota_exceeded'],
    ]);
  });

  it('two at the same time do not fill the same room', async () => {
    const { key } = await api().newTenant({ maxActive: 30 });
    const batches = await Promise.all(Array.from({ length: 4 }, () => make(named(20), {}, key)));
    expect(batches.reduce((sum, { counts }) => sum + counts.accepted, 0)).toBe(30);
  });

  it('is one batch for one Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'one batch' };
    const first = await send({ items: named(2) }, headers);
    const again = await send({ items: named(2) }, headers);
    expect([again.status, again.headers.get('idempotent-replayed'), again.body.id]).toEqual([202, 'true', first.body.id]);
    const other = await send<Problem>({ items: named(3) }, headers);
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused']);
    const key = { 'idempotency-key': 'at once' };
    const twins = await Promise.all(Array.from({ length: 5 }, () => send({ items: named(2) }, key)));
    const made = new Set(twins.flatMap(({ status, body }) => (status === 202 ? [body.id] : [])));
    expect([made.size, twins.every(({ status }) => status === 202 || status === 409)]).toEqual([1, true]);
  });

  it('of 1,000 items is answered within two seconds', async () => {
    const { key } = await api().newTenant({ maxActive: 2_000 });
    const start = performance.now();
    const batch = await make(named(1_000), {}, key);
    expect(performance.now() - start).toBeLessThan(2_000);
    expect(batch.counts.accepted).toBe(1_000);
    const items = await itemsOf(batch.id, key);
    expect(items.map(({ custom_id }) => custom_id)).toEqual(named(1_000).map(({ custom_id }) => custom_id));
    const canceled = await api().call<Batch>('POST', `/v1/batches/${batch.id}/cancel`, { key });
    expect([canceled.status, canceled.body.counts.canceled]).toEqual([200, 1_000]);
  });
});

describe('GET /v1/batches', () => {
  it('lists the tenant’s own, newest first, page by page', async () => {
    const { key } = await api().newTenant();
    const ids = [];
    for (let i = 0; i < 3; i++) ids.unshift((await make(named(1), {}, key)).id);
    const list = (query: string) => api().call<List<Batch>>('GET', `/v1/batches${query}`, { key });
    const first = await list('?limit=2');
    const second = await list(`?limit=2&cursor=${first.body.next_cursor}`);
    expect([first, second].map(({ body }) => body.data.map(({ id }) => id))).toEqual([ids.slice(0, 2), ids.slice(2)]);
    expect(second.body.next_cursor).toBeNull();
  });

  it('does not know another tenant’s', async () => {
    const { id } = await make(named(1));
    const { key } = await api().newTenant();
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/items'],
      ['POST', '/cancel'],
    ] as const) {
      const { status, body } = await api().call<Problem>(method, `/v1/batches/${id}${path}`, { key });
      expect([status, body.code]).toEqual([404, 'not_found']);
    }
    expect((await read(id)).cancel_requested_at).toBeNull();
  });

  it.each([
    ['/v1/batches?cursor=x', '?cursor'],
    ['/v1/batches?limit=0', '?limit'],
    ['/v1/batches/ID/items?cursor=x', '?cursor'],
  ])('refuses %s', async (path, pointer) => {
    const { id } = await make(named(1));
    const { status, body } = await api().call<Problem>('GET', path.replace('ID', id));
    expect([status, body.errors?.[0]?.pointer]).toEqual([422, pointer]);
  });
});

describe('the end of a batch', () => {
  it('is told once, when the last generation has ended', async () => {
    const batch = await make([...named(2), { custom_id: 'bad', input: {} }], { webhook: 'https://93.184.215.14/hook' });
    const items = await itemsOf(batch.id);
    await fail(items[0]?.generation_id ?? null);
    await completeBatches(api().db);
    expect(await deliveries(batch.id)).toEqual([]);
    expect(await read(batch.id)).toMatchObject({ status: 'processing', counts: { failed: 1 } });
    await fail(items[1]?.generation_id ?? null);
    await Promise.all(Array.from({ length: 8 }, () => completeBatches(api().db)));
    const counts = { total: 3, accepted: 2, rejected: 1, succeeded: 0, failed: 2, canceled: 0 };
    const told = await deliveries(batch.id);
    expect(told).toMatchObject([
      {
        url: 'https://93.184.215.14/hook',
        body: { type: 'batch.completed', data: { id: batch.id, status: 'completed', sequence: 1, counts } },
      },
    ]);
    const { status, completed_at, counts: shown } = await read(batch.id);
    expect([status, shown, completed_at === null]).toEqual(['completed', counts, false]);
    expect(outcomes(await itemsOf(batch.id))[0]).toEqual(['item-0', 'failed', 'no_face_detected']);
  });

  it('is there at once when nothing was accepted', async () => {
    const batch = await make([{ custom_id: 'bad', input: {} }], { webhook: 'https://93.184.215.14/hook' });
    expect(batch).toMatchObject({ status: 'completed', counts: { total: 1, accepted: 0, rejected: 1 } });
    await completeBatches(api().db);
    expect(await deliveries(batch.id)).toHaveLength(1);
  });
});

describe('POST /v1/batches/{id}/cancel', () => {
  const cancel = (id: string, { key }: Pick<Tenant, 'key'> = api().tenant) =>
    api().call<Batch>('POST', `/v1/batches/${id}/cancel`, { key });

  it('ends what waits at once, and what is at work when its worker stops', async () => {
    const batch = await make(named(3), { webhook: 'https://93.184.215.14/hook' });
    const [first, second] = await itemsOf(batch.id);
    await fail(first?.generation_id ?? null);
    const stage = await claim(second?.generation_id ?? null);
    const stopping = await cancel(batch.id);
    expect([stopping.status, stopping.body.status, stopping.body.counts.canceled]).toEqual([202, 'processing', 1]);
    expect(stopping.body.cancel_requested_at).not.toBeNull();
    expect((await cancel(batch.id)).status).toBe(202);
    await settleCancel(api().db, stage.generation_id, stage);
    const ended = await cancel(batch.id);
    expect([ended.status, ended.body.status]).toEqual([200, 'canceled']);
    expect(ended.body.counts).toMatchObject({ failed: 1, canceled: 2 });
    await completeBatches(api().db);
    expect((await deliveries(batch.id)).map(({ body }) => (body['data'] as { status: string }).status)).toEqual(['canceled']);
  });

  it('leaves what has ended as it is', async () => {
    const batch = await make(named(1));
    const [item] = await itemsOf(batch.id);
    await fail(item?.generation_id ?? null);
    const { status, body } = await cancel(batch.id);
    expect([status, body.status, body.cancel_requested_at]).toEqual([200, 'completed', null]);
  });
});
