import { newId, type Generation, type Problem, type Upload } from '@likeness/contracts';
import { exec, many, sql } from '@likeness/platform/db';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { picture, useApi } from '../testing/api.ts';

const api = useApi();
const input = { reference_images: ['https://93.184.215.14/a.jpg'], prompt: 'a person', pack: 'noop' };

async function create(body: object = {}): Promise<Generation> {
  const answer = await api().call<Generation>('POST', '/v1/generations', { json: { input, ...body } });
  expect(answer.status, JSON.stringify(answer.body)).toBe(202);
  return answer.body;
}
const cancel = (id: string) => api().call('POST', `/v1/generations/${id}/cancel`);
const retry = <T = Generation>(id: string, headers: Record<string, string> = {}, key = api().tenant.key) =>
  api().call<T>('POST', `/v1/generations/${id}/retry`, { headers, key });

describe('POST /v1/generations/{id}/retry', () => {
  it('makes the same again: input, seed, and everything that was asked for with it', async () => {
    const first = await create({
      priority: 'high',
      metadata: { order: '17' },
      retention: 'P3D',
      cancel_after: '10m',
      webhook: 'https://93.184.215.14/hook',
      webhook_events_filter: ['started', 'completed'],
    });
    await cancel(first.id);
    const { status, headers, body } = await retry(first.id);
    expect(status).toBe(202);
    expect(headers.get('location')).toBe(body.urls.get);
    expect(body).toMatchObject({ status: 'queued', retry_of: first.id, sequence: 1, batch: null, error: null });
    expect(body.id).not.toBe(first.id);
    const { input: same, priority, metadata } = body;
    expect({ input: same, priority, metadata }).toEqual({ input: first.input, priority: 'high', metadata: { order: '17' } });
    expect(Date.parse(body.deadline_at ?? '') - Date.parse(body.created_at)).toBe(600_000);
    const Row = z.object({ webhook_url: z.string(), webhook_events: z.array(z.string()), days: z.number() });
    const rows = await many(
      api().db,
      Row,
      sql`SELECT webhook_url, webhook_events, extract(days FROM retention)::int AS days FROM generation WHERE id = ${body.id}`,
    );
    expect(rows).toEqual([{ webhook_url: 'https://93.184.215.14/hook', webhook_events: ['started', 'completed'], days: 3 }]);
    expect((await api().call<Generation>('GET', `/v1/generations/${first.id}`)).body.status).toBe('canceled');
  });

  it('waits for the end', async () => {
    const { id } = await create();
    for (const status of ['queued', 'processing']) {
      await exec(api().db, sql`UPDATE generation SET status = ${status} WHERE id = ${id}`);
      const { status: answered, body, headers } = await retry<Problem>(id);
      expect([answered, body.code, body.detail, headers.get('retry-after')]).toEqual([409, 'not_terminal', `${id} is ${status}.`, '5']);
    }
  });

  it('needs the input', async () => {
    const { id } = await create();
    await cancel(id);
    await exec(api().db, sql`UPDATE generation SET expires_at = now() WHERE id = ${id}`);
    const { status, body } = await retry<Problem>(id);
    expect([status, body.code]).toEqual([410, 'data_expired']);
  });

  it('uses an upload that is past its time, as long as it is there', async () => {
    const form = new FormData();
    form.set('file', new Blob([new Uint8Array(await picture())]), 'a.jpg');
    const { body: upload } = await api().call<Upload>('POST', '/v1/uploads', { body: form });
    const { id } = await create({ input: { ...input, reference_images: [upload.id] } });
    await cancel(id);
    await exec(api().db, sql`UPDATE upload SET expires_at = now() WHERE id = ${upload.id}`);
    expect((await retry(id)).status).toBe(202);
    await exec(api().db, sql`DELETE FROM upload WHERE id = ${upload.id}`);
    const { status, body } = await retry<Problem>(id);
    expect([status, body.code]).toEqual([410, 'data_expired']);
  });

  it('needs the pack', async () => {
    const { id } = await create();
    await cancel(id);
    await exec(api().db, sql`UPDATE generation SET input = input || '{"pack": "removed"}' WHERE id = ${id}`);
    const { status, body } = await retry<Problem>(id);
    expect([status, body.code]).toEqual([503, 'model_unavailable']);
  });

  it('is one for one Idempotency-Key, also when it runs meanwhile', async () => {
    const [first, second] = [await create(), await create()];
    await cancel(first.id);
    await cancel(second.id);
    const headers = { 'idempotency-key': 'again' };
    const made = await retry(first.id, headers);
    const again = await retry(first.id, headers);
    expect([again.status, again.body.id, again.headers.get('idempotent-replayed')]).toEqual([202, made.body.id, 'true']);
    const other = await retry<Problem>(second.id, headers);
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused']);
    expect((await retry(first.id)).body.id).not.toBe(made.body.id);
  });

  it('keeps to the tenant’s cap', async () => {
    const { id } = await create();
    await cancel(id);
    await create();
    await exec(api().db, sql`UPDATE tenant SET max_active = 1 WHERE id = ${api().tenant.id}`);
    const { status, body } = await retry<Problem>(id);
    await exec(api().db, sql`UPDATE tenant SET max_active = 1000 WHERE id = ${api().tenant.id}`);
    expect([status, body.code]).toEqual([429, 'queue_full']);
  });

  it('knows no other tenant’s, and none that is none', async () => {
    const { id } = await create();
    await cancel(id);
    const { key } = await api().newTenant();
    for (const answer of [await retry<Problem>(id, {}, key), await retry<Problem>(newId('generation')), await retry<Problem>('x')])
      expect([answer.status, answer.body.code]).toEqual([404, 'not_found']);
  });
});
