import { describe, expect, it } from 'vitest';
import { newId, type Estimate, type Generation, type Problem } from '@likeness/contracts';
import { exec, json, one, sql } from '@likeness/platform/db';
import { z } from 'zod';
import { picture, useApi } from '../testing/api.ts';

const api = useApi();
const dataUri = async () => `data:image/jpeg;base64,${(await picture()).toString('base64')}`;
const estimate = (body: unknown) => api().call<Estimate & Problem>('POST', '/v1/generations/estimate', { json: body });
const rows = async () => {
  const Count = z.object({ generations: z.number(), uploads: z.number(), outbox: z.number(), keys: z.number() });
  return one(
    api().db,
    Count,
    sql`SELECT (SELECT count(*)::int FROM generation) AS generations, (SELECT count(*)::int FROM upload) AS uploads,
               (SELECT count(*)::int FROM outbox) AS outbox, (SELECT count(*)::int FROM idempotency_key) AS keys`,
  );
};

describe('an estimate', () => {
  it('is made from what was done lately, counts who waits, and makes nothing', async () => {
    const input = { prompt: 'a person', reference_images: [await dataUri()], steps: 10, num_images: 4 };
    expect((await estimate({ input })).body).toEqual({ queue_position: 1, eta_seconds: 0, gpu_seconds: 0, images: 4 }); // nothing is known yet

    const waiting = await api().call<Generation>('POST', '/v1/generations', { json: { input: { ...input, num_images: 1 } } });
    const pack = waiting.body.pack.name;
    await exec(
      api().db,
      sql`INSERT INTO generation (id, tenant_id, status, input, pack, images, gpu_seconds, started_at, completed_at)
          VALUES (${newId('generation')}, ${api().tenant.id}, 'succeeded', ${json({ steps: 20, reference_images: [] })}::jsonb, ${json({ name: pack })}::jsonb, 2, 8, now() - interval '20 seconds', now())`,
    );
    const before = await rows();
    const { status, body } = await estimate({ input });
    // 40 steps of a picture took 8 GPU seconds and 20 seconds: 40 more take as long.
    expect([status, body]).toEqual([200, { queue_position: 2, eta_seconds: 20, gpu_seconds: 8, images: 4 }]);
    expect(await rows()).toEqual(before);
  });

  it('takes pictures as parts of a form, too, and keeps none', async () => {
    const before = await rows();
    const form = new FormData();
    form.append('image', new Blob([new Uint8Array(await picture())]), 'a.jpg');
    form.append('request', JSON.stringify({ input: { prompt: 'a person', num_images: 2 } }));
    const { status, body } = await api().call<Estimate>('POST', '/v1/generations/estimate', { body: form });
    expect([status, body.images]).toEqual([200, 2]);
    expect(await rows()).toEqual(before);
  });

  it.each([
    ['an upload that is none', { reference_images: ['upl_00000000000000000000000000'] }, 'upload_invalid'],
    [
      'a picture that is none',
      { reference_images: [`data:image/png;base64,${Buffer.from('no picture').toString('base64')}`] },
      'image_unreadable',
    ],
    ['a private address', { reference_images: ['https://169.254.169.254/a.jpg'] }, 'input_url_blocked'],
    ['a size that the pack has not', { width: 264 }, 'validation_failed'],
    ['a field that is unknown', { colour: 'red' }, 'validation_failed'],
  ])('refuses %s as a create does', async (_what, change, code) => {
    const json = { input: { prompt: 'a person', reference_images: [await dataUri()], ...change } };
    const create = await api().call<Problem>('POST', '/v1/generations', { json });
    const { status, body } = await estimate(json);
    expect([status, body.code, body.detail]).toEqual([422, code, create.body.detail]);
  });

  it('refuses a webhook that may not be called', async () => {
    const { status, body } = await estimate({
      input: { prompt: 'a person', reference_images: [await dataUri()] },
      webhook: 'http://127.0.0.1/hook',
    });
    expect([status, body.code]).toEqual([422, 'webhook_url_blocked']);
  });
});
