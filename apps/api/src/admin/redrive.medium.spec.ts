import { beforeAll, describe, expect, it } from 'vitest';
import { newId, type DeadLetterList, type Generation, type Problem, type Redriven } from '@likeness/contracts';
import { exec, json, many, sql } from '@likeness/platform/db';
import { z } from 'zod';
import { picture, useApi } from '../testing/api.ts';

const api = useApi();
let admin = '';
beforeAll(async () => {
  const { id } = await api().newTenant();
  admin = (await api().newKey(id, ['admin'])).key; // another tenant's: an administrator redrives everyone's
});

const redrive = (id: string) => api().call<Redriven & Problem>('POST', `/admin/dead-letters/${id}/redrive`, { key: admin });
const letters = async () => (await api().call<DeadLetterList>('GET', '/admin/dead-letters', { key: admin })).body.data.map(({ id }) => id);

/** A generation of the default tenant that failed with its last try. */
async function failed(code = 'worker_lost'): Promise<string> {
  const reference = `data:image/jpeg;base64,${(await picture()).toString('base64')}`;
  const { body } = await api().call<Generation>('POST', '/v1/generations', {
    json: { input: { prompt: 'a person', reference_images: [reference], seed: 7 }, metadata: { order: '17' } },
  });
  const error = { code, title: 't', detail: 'd', hint: 'h', retryable: true, stage: 'parse' };
  await exec(
    api().db,
    sql`UPDATE generation SET status = 'failed', stage = NULL, error = ${json(error)}::jsonb, completed_at = now(), expires_at = now() + retention WHERE id = ${body.id}`,
  );
  await exec(api().db, sql`UPDATE stage SET status = 'failed', attempt = 3 WHERE generation_id = ${body.id}`);
  return body.id;
}

describe('a dead letter', () => {
  it('of a generation is asked for again under a new id, once however often it is redriven at once; the failed one stays', async () => {
    const id = await failed();
    const before = (await api().call<Generation>('GET', `/v1/generations/${id}`)).body;
    expect(await letters()).toContain(id);
    const answers = await Promise.all([redrive(id), redrive(id), redrive(id)]);
    const made = new Set(answers.filter(({ status }) => status === 202).map(({ body }) => body.generation_id));
    expect(made.size).toBe(1);
    expect(answers.every(({ status }) => [202, 404, 409].includes(status))).toBe(true);
    const [again] = made;
    const fresh = (await api().call<Generation>('GET', `/v1/generations/${again}`)).body;
    expect(fresh).toMatchObject({ status: 'queued', input: before.input, metadata: { order: '17' } });
    const rows = await many(api().db, z.object({ id: z.string() }), sql`SELECT id FROM generation WHERE retry_of = ${id}`);
    expect(rows).toEqual([{ id: again }]);
    expect((await api().call<Generation>('GET', `/v1/generations/${id}`)).body).toEqual(before);
    expect(await letters()).not.toContain(id);
    expect((await redrive(id)).status).toBe(404);
  });

  it('is not what the request itself was to blame for, nor anything unknown', async () => {
    for (const id of [await failed('no_face_detected'), newId('generation'), newId('delivery'), 'x'])
      expect((await redrive(id)).status, id).toBe(404);
  });

  it('of a delivery is sent again, under its own id', async () => {
    const id = newId('delivery');
    await exec(
      api().db,
      sql`INSERT INTO webhook_delivery (id, tenant_id, type, sequence, url, body, status, attempt, completed_at)
          VALUES (${id}, ${api().tenant.id}, 'generation.completed', 1, 'https://shop.example/hook', '{}', 'exhausted', 8, now())`,
    );
    expect(await letters()).toContain(id);
    const { status, body } = await redrive(id);
    expect([status, body.delivery_id]).toEqual([202, id]);
    const messages = await many(api().db, z.object({ job: z.string() }), sql`SELECT job FROM outbox WHERE ref_id = ${id}`);
    expect(messages).toEqual([{ job: 'deliver-webhook' }]);
    expect(await letters()).not.toContain(id);
  });
});
