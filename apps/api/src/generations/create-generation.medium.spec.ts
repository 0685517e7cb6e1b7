import { describe, expect, it } from 'vitest';
import { Generation, type Problem } from '@likeness/contracts';
import { exec, many, sql } from '@likeness/platform/db';
import { z } from 'zod';
import { picture, useApi, type Answer } from '../testing/api.ts';

const api = useApi();

/** An answer that may be one or the other. */
type Either = Pick<Generation, 'id' | 'input'> & Pick<Problem, 'code'>;

const uploadedPicture = async (key?: string): Promise<string> => {
  const form = new FormData();
  form.append('file', new Blob([new Uint8Array(await picture())]), 'photo.jpg');
  const { status, body } = await api().call<{ id: string }>('POST', '/v1/uploads', { body: form, ...(key === undefined ? {} : { key }) });
  expect(status).toBe(201);
  return body.id;
};
const create = <T = Generation>(json: unknown, options: object = {}): Promise<Answer<T>> =>
  api().call<T>('POST', '/v1/generations', { json, ...options });
const counted = async (table: string, generationId: string) => {
  const column =
    table === 'outbox' ? sql`ref_id IN (SELECT id FROM stage WHERE generation_id = ${generationId})` : sql`generation_id = ${generationId}`;
  const statements = {
    stage: sql`SELECT count(*)::int AS n FROM stage WHERE ${column}`,
    outbox: sql`SELECT count(*)::int AS n FROM outbox WHERE ${column}`,
    event: sql`SELECT count(*)::int AS n FROM event WHERE ${column}`,
  };
  const rows = await many(api().db, z.object({ n: z.number() }), statements[table as keyof typeof statements]);
  return rows[0]?.n;
};
const generationCount = async () =>
  (await many(api().db, z.object({ n: z.number() }), sql`SELECT count(*)::int AS n FROM generation`))[0]?.n ?? 0;

describe('POST /v1/generations', () => {
  it('accepts a job: everything that will carry it exists when it answers', async () => {
    const upload = await uploadedPicture();
    const answer = await create({
      input: { reference_images: [upload], prompt: 'a person in the snow' },
      metadata: { order: 'A-1' },
      priority: 'high',
      retention: 'P1D',
      cancel_after: '1h',
      webhook: 'https://93.184.215.14/hook',
    });
    expect(answer.status).toBe(202);
    expect(Generation.parse(answer.body)).toEqual(answer.body);
    const { id, created_at, deadline_at } = answer.body;
    expect(answer.headers.get('location')).toBe(`${api().url}/v1/generations/${id}`);
    expect(answer.body).toMatchObject({
      status: 'queued',
      stage: null,
      sequence: 1,
      input: {
        reference_images: [upload],
        prompt: 'a person in the snow',
        pack: 'sketch',
        width: 256,
        height: 256,
        num_images: 1,
        format: 'png',
      },
      metadata: { order: 'A-1' },
      priority: 'high',
      pack: { name: 'sketch', trained: false },
      output: null,
      error: null,
    });
    expect(answer.body.queue?.position).toBeGreaterThanOrEqual(1);
    expect(Date.parse(deadline_at ?? '') - Date.parse(created_at)).toBe(3_600_000);
    for (const table of ['stage', 'outbox', 'event']) expect(await counted(table, id), table).toBe(1);
  });

  it('takes a data: URI and keeps it as an upload', async () => {
    const bytes = await picture();
    const { status, body } = await create({
      input: { reference_images: [`data:image/jpeg;base64,${bytes.toString('base64')}`], prompt: 'a person' },
    });
    expect(status).toBe(202);
    const [upload = ''] = body.input?.reference_images ?? [];
    expect(upload).toMatch(/^upl_/);
    expect(Buffer.from(await api().store.get(`t/${api().tenant.id}/uploads/${upload}`, await api().dataKey(upload)))).toEqual(bytes);
  });

  it('takes an https URL as it is', async () => {
    const { status, body } = await create({ input: { reference_images: ['https://203.0.113.7/a.jpg'], prompt: 'a person' } });
    expect([status, body.input?.reference_images]).toEqual([422, undefined]); // a documentation address: not public
    const fine = await create({ input: { reference_images: ['https://93.184.215.14/a.jpg'], prompt: 'a person' } });
    expect(fine.status).toBe(202);
    expect(fine.body.input?.reference_images).toEqual(['https://93.184.215.14/a.jpg']);
  });

  it.each([
    ['a field', (json: string) => json],
    ['a file of its own', (json: string) => new Blob([json], { type: 'application/json' })],
  ])('takes a form with the request as %s', async (_name, part) => {
    const form = new FormData();
    form.append('image', new Blob([new Uint8Array(await picture())]), 'one.jpg');
    form.append('image', new Blob([new Uint8Array(await picture(100, 100))]), 'two.jpg');
    form.append('request', part(JSON.stringify({ input: { prompt: 'a person', seed: 4294967295 } })));
    const { status, body } = await api().call<Generation>('POST', '/v1/generations', { body: form });
    expect(status, JSON.stringify(body)).toBe(202);
    expect(body.input?.seed).toBe(4294967295);
    expect(body.input?.reference_images).toHaveLength(2);
  });

  it('reads Cancel-After; the body’s own goes before it', async () => {
    const input = { reference_images: [await uploadedPicture()], prompt: 'a person' };
    const seconds = ({ deadline_at, created_at }: Generation) => (Date.parse(deadline_at ?? '') - Date.parse(created_at)) / 1000;
    expect(seconds((await create({ input }, { headers: { 'cancel-after': '15s' } })).body)).toBe(15);
    expect(seconds((await create({ input, cancel_after: '2m' }, { headers: { 'cancel-after': '15s' } })).body)).toBe(120);
  });

  it('holds the limit of active generations exactly, also when all ask at once', async () => {
    const { key } = await api().newTenant({ maxActive: 5 });
    const input = { reference_images: [await uploadedPicture(key)], prompt: 'a person' };
    const answers = await Promise.all(Array.from({ length: 20 }, () => create<Problem>({ input }, { key })));
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(5);
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(15);
    for (const { body, headers } of refused) {
      expect(body.code).toBe('queue_full');
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    }
  });
});

describe('a refused request', () => {
  const reference = 'https://93.184.215.14/a.jpg';
  const good = { reference_images: [reference], prompt: 'a person' };

  it.each<[string, object, string]>([
    ['a body that is a list', [], ''],
    ['no input', {}, '/input'],
    ['input of a wrong type', { input: 'x' }, '/input'],
    ['an unknown field', { input: good, colour: 'red' }, '/colour'],
    ['an unknown field of input', { input: { ...good, style: 'oil' } }, '/input/style'],
    ['no reference', { input: { prompt: 'x' } }, '/input/reference_images'],
    ['an empty list of references', { input: { ...good, reference_images: [] } }, '/input/reference_images'],
    ['five references', { input: { ...good, reference_images: Array(5).fill(reference) } }, '/input/reference_images'],
    ['a reference of a wrong type', { input: { ...good, reference_images: [7] } }, '/input/reference_images/0'],
    ['a reference that is nothing known', { input: { ...good, reference_images: ['photo.jpg'] } }, '/input/reference_images/0'],
    ['a file: reference', { input: { ...good, reference_images: ['file:///etc/passwd'] } }, '/input/reference_images/0'],
    ['no prompt', { input: { reference_images: [reference] } }, '/input/prompt'],
    ['an empty prompt', { input: { ...good, prompt: '' } }, '/input/prompt'],
    ['a prompt of 2,001 characters', { input: { ...good, prompt: 'x'.repeat(2001) } }, '/input/prompt'],
    ['a prompt of a wrong type', { input: { ...good, prompt: 5 } }, '/input/prompt'],
    ['a prompt with NUL', { input: { ...good, prompt: 'a\0b' } }, '/input/prompt'],
    ['a prompt with half a surrogate pair', { input: { ...good, prompt: 'a\ud800b' } }, '/input/prompt'],
    ['a negative prompt of 2,001 characters', { input: { ...good, negative_prompt: 'x'.repeat(2001) } }, '/input/negative_prompt'],
    ['a negative prompt of a wrong type', { input: { ...good, negative_prompt: null } }, '/input/negative_prompt'],
    ['num_images 0', { input: { ...good, num_images: 0 } }, '/input/num_images'],
    ['num_images 9', { input: { ...good, num_images: 9 } }, '/input/num_images'],
    ['num_images of a wrong type', { input: { ...good, num_images: '2' } }, '/input/num_images'],
    ['width 255', { input: { ...good, width: 255 } }, '/input/width'],
    ['width 260', { input: { ...good, width: 260 } }, '/input/width'],
    ['width 1032', { input: { ...good, width: 1032 } }, '/input/width'],
    ['a width the pack lacks', { input: { ...good, width: 512 } }, '/input/width'],
    ['height of a wrong type', { input: { ...good, height: true } }, '/input/height'],
    ['height 0', { input: { ...good, height: 0 } }, '/input/height'],
    ['steps 0', { input: { ...good, steps: 0 } }, '/input/steps'],
    ['steps 101', { input: { ...good, steps: 101 } }, '/input/steps'],
    ['steps 1.5', { input: { ...good, steps: 1.5 } }, '/input/steps'],
    ['steps of a wrong type', { input: { ...good, steps: '50' } }, '/input/steps'],
    ['an unknown scheduler', { input: { ...good, scheduler: 'heun' } }, '/input/scheduler'],
    ['a scheduler of a wrong type', { input: { ...good, scheduler: {} } }, '/input/scheduler'],
    ['guidance_scale 0.5', { input: { ...good, guidance_scale: 0.5 } }, '/input/guidance_scale'],
    ['guidance_scale 20.1', { input: { ...good, guidance_scale: 20.1 } }, '/input/guidance_scale'],
    ['guidance_scale of a wrong type', { input: { ...good, guidance_scale: 'high' } }, '/input/guidance_scale'],
    ['merge_step -2', { input: { ...good, merge_step: -2 } }, '/input/merge_step'],
    ['merge_step 1.5', { input: { ...good, merge_step: 1.5 } }, '/input/merge_step'],
    ['merge_step "1.1"', { input: { ...good, merge_step: '1.1' } }, '/input/merge_step'],
    ['merge_step "6"', { input: { ...good, merge_step: '6' } }, '/input/merge_step'],
    ['merge_step after the steps', { input: { ...good, steps: 4, merge_step: 5 } }, '/input/merge_step'],
    ['merge_step of a wrong type', { input: { ...good, merge_step: [] } }, '/input/merge_step'],
    ['identity_scale -0.1', { input: { ...good, identity_scale: -0.1 } }, '/input/identity_scale'],
    ['identity_scale 2.1', { input: { ...good, identity_scale: 2.1 } }, '/input/identity_scale'],
    ['identity_scale of a wrong type', { input: { ...good, identity_scale: null } }, '/input/identity_scale'],
    ['seed -1', { input: { ...good, seed: -1 } }, '/input/seed'],
    ['seed 2^32', { input: { ...good, seed: 2 ** 32 } }, '/input/seed'],
    ['seed of a wrong type', { input: { ...good, seed: 'random' } }, '/input/seed'],
    ['an unknown facial region', { input: { ...good, facial_regions: ['face', 'chin'] } }, '/input/facial_regions/1'],
    ['a facial region twice', { input: { ...good, facial_regions: ['face', 'face'] } }, '/input/facial_regions'],
    ['facial_regions of a wrong type', { input: { ...good, facial_regions: 'face' } }, '/input/facial_regions'],
    ['an unknown correction', { input: { ...good, corrections: ['bgr_faces', 'sharper'] } }, '/input/corrections/1'],
    ['a correction twice', { input: { ...good, corrections: ['bgr_faces', 'bgr_faces'] } }, '/input/corrections'],
    ['an unknown noise device', { input: { ...good, noise_device: 'mps' } }, '/input/noise_device'],
    ['an unknown pack', { input: { ...good, pack: 'gallery' } }, '/input/pack'],
    ['a pack that is no name', { input: { ...good, pack: '../sketch' } }, '/input/pack'],
    ['a pack of a wrong type', { input: { ...good, pack: 1 } }, '/input/pack'],
    ['an unknown format', { input: { ...good, format: 'bmp' } }, '/input/format'],
    ['a format of a wrong type', { input: { ...good, format: 1 } }, '/input/format'],
    ['an unknown priority', { input: good, priority: 'urgent' }, '/priority'],
    ['a priority of a wrong type', { input: good, priority: 1 }, '/priority'],
    ['metadata of a wrong type', { input: good, metadata: ['a'] }, '/metadata'],
    ['a metadata value of a wrong type', { input: good, metadata: { a: 1 } }, '/metadata/a'],
    ['a metadata value of 513 characters', { input: good, metadata: { a: 'x'.repeat(513) } }, '/metadata/a'],
    ['17 metadata keys', { input: good, metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, ''])) }, '/metadata'],
    ['a retention that is no duration', { input: good, retention: '30 days' }, '/retention'],
    ['a retention of eleven years', { input: good, retention: 'P4015D' }, '/retention'],
    ['a retention of a wrong type', { input: good, retention: 30 }, '/retention'],
    ['cancel_after without a unit', { input: good, cancel_after: '15' }, '/cancel_after'],
    ['cancel_after 4s', { input: good, cancel_after: '4s' }, '/cancel_after'],
    ['cancel_after 25h', { input: good, cancel_after: '25h' }, '/cancel_after'],
    ['cancel_after of a wrong type', { input: good, cancel_after: 15 }, '/cancel_after'],
    ['a webhook that is no URL', { input: good, webhook: 'hook' }, '/webhook'],
    ['a webhook that is no http', { input: good, webhook: 'ftp://example.com/' }, '/webhook'],
    ['a webhook with a password', { input: good, webhook: 'https://a:b@example.com/' }, '/webhook'],
    ['a webhook of a wrong type', { input: good, webhook: {} }, '/webhook'],
    ['an empty webhook_events_filter', { input: good, webhook_events_filter: [] }, '/webhook_events_filter'],
    ['an unknown webhook event', { input: good, webhook_events_filter: ['failed'] }, '/webhook_events_filter/0'],
    ['a webhook_events_filter of a wrong type', { input: good, webhook_events_filter: 'completed' }, '/webhook_events_filter'],
  ])('%s: 422 with the pointer and the value', async (_name, json, pointer) => {
    const { status, body, headers } = await create<Problem>(json);
    expect(status).toBe(422);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(body).toMatchObject({ code: 'validation_failed', status: 422, request_id: headers.get('x-request-id') });
    const field = body.errors?.find((error) => error.pointer === pointer);
    expect(field, JSON.stringify(body.errors)).toBeDefined();
    expect(field?.detail).toMatch(/got |is required/);
  });

  it('leaves nothing behind', async () => {
    const before = await generationCount();
    await create({ input: { ...good, steps: 0 } });
    await create({ input: { ...good, reference_images: ['upl_00000000000000000000000000'] } });
    await create({ input: { ...good, webhook: 1 } });
    expect(await generationCount()).toBe(before);
  });

  it.each<[string, unknown, string, RegExp]>([
    [
      'an upload that does not exist',
      { input: { ...good, reference_images: ['upl_00000000000000000000000000'] } },
      'upload_invalid',
      /upl_0{26}/,
    ],
    ['a URL on this machine', { input: { ...good, reference_images: ['https://127.0.0.1/a.jpg'] } }, 'input_url_blocked', /127\.0\.0\.1/],
    [
      'a URL in a private network',
      { input: { ...good, reference_images: ['https://10.1.2.3/a.jpg'] } },
      'input_url_blocked',
      /10\.1\.2\.3/,
    ],
    ['a plain http URL', { input: { ...good, reference_images: ['http://93.184.215.14/a.jpg'] } }, 'input_url_blocked', /https/],
    ['a webhook on this machine', { input: good, webhook: 'https://[::1]/hook' }, 'webhook_url_blocked', /::1/],
    ['a webhook on the metadata address', { input: good, webhook: 'http://169.254.169.254/' }, 'webhook_url_blocked', /169\.254/],
    [
      'a data: URI that is text',
      { input: { ...good, reference_images: [`data:image/png;base64,${btoa('hello')}`] } },
      'image_unreadable',
      /68 65 6c/,
    ],
    [
      'a data: URI without valid base64',
      { input: { ...good, reference_images: ['data:image/png;base64,%%%'] } },
      'image_unreadable',
      /base64/,
    ],
  ])('%s: %s', async (_name, json, code, detail) => {
    const { status, body } = await create<Problem>(json);
    expect(status).toBe(422);
    expect(body.code).toBe(code);
    expect(body.detail).toMatch(detail);
  });

  it('knows only the tenant’s own uploads, ready and not expired', async () => {
    const other = await api().newTenant();
    const foreign = await uploadedPicture(other.key);
    expect((await create<Problem>({ input: { ...good, reference_images: [foreign] } })).body.code).toBe('upload_invalid');
    const own = await uploadedPicture();
    await exec(api().db, sql`UPDATE upload SET expires_at = now() WHERE id = ${own}`);
    expect((await create<Problem>({ input: { ...good, reference_images: [own] } })).body.code).toBe('upload_invalid');
  });

  it.each<[string, (form: FormData) => void, number, RegExp]>([
    ['no picture', (form) => form.delete('image'), 422, /image/],
    ['no request', (form) => form.delete('request'), 422, /request/],
    ['an unknown part', (form) => form.append('mask', 'x'), 422, /mask/],
    ['references beside the pictures', (form) => form.set('request', JSON.stringify({ input: good })), 422, /reference_images/],
    ['a request that is no JSON', (form) => form.set('request', '{"input":'), 400, /JSON/],
    ['a picture that is text', (form) => form.set('image', new Blob(['hello']), 'a.png'), 422, /68 65/],
  ])('a form with %s', async (_name, change, status, detail) => {
    const form = new FormData();
    form.append('image', new Blob([new Uint8Array(await picture())]), 'one.jpg');
    form.append('request', JSON.stringify({ input: { prompt: 'a person' } }));
    change(form);
    const answer = await api().call<Problem>('POST', '/v1/generations', { body: form });
    expect(answer.status).toBe(status);
    expect(JSON.stringify(answer.body)).toMatch(detail);
  });
});

describe('Idempotency-Key', () => {
  const keyed = (key: string, json: unknown) => create<Either>(json, { headers: { 'idempotency-key': key } });

  it('makes one job of many equal requests at once', async () => {
    const input = { reference_images: [await uploadedPicture()], prompt: 'a person' };
    const before = await generationCount();
    const answers = await Promise.all(Array.from({ length: 20 }, () => keyed('race', { input })));
    const accepted = answers.filter(({ status }) => status === 202);
    expect(new Set(accepted.map(({ body }) => body.id)).size).toBe(1);
    for (const { status, body, headers } of answers) {
      if (status === 202) continue;
      expect([status, body.code]).toEqual([409, 'idempotency_in_progress']);
      expect(headers.get('retry-after')).toBe('1');
    }
    expect(await generationCount()).toBe(before + 1);
  });

  it('replays the same JSON value with the stored status, and says so', async () => {
    const input = { reference_images: [await uploadedPicture()], prompt: 'a person' };
    const first = await keyed('replay', { input, metadata: { a: '1', b: '2' } });
    const again = await keyed('replay', {
      metadata: { b: '2', a: '1' },
      input: { prompt: 'a person', reference_images: input.reference_images },
    });
    expect(first.headers.get('idempotent-replayed')).toBeNull();
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect([again.status, again.body.id, again.body.input?.seed]).toEqual([202, first.body.id, first.body.input?.seed]);
    expect(again.headers.get('location')).toBe(first.headers.get('location'));
  });

  it('refuses another body', async () => {
    const input = { reference_images: [await uploadedPicture()], prompt: 'a person' };
    await keyed('reused', { input });
    const { status, body } = await keyed('reused', { input: { ...input, prompt: 'another' } });
    expect([status, body.code]).toEqual([422, 'idempotency_key_reused']);
  });

  it('belongs to its tenant and its route', async () => {
    const input = { reference_images: ['https://93.184.215.14/a.jpg'], prompt: 'a person' };
    const other = await api().newTenant();
    const first = await keyed('shared', { input });
    const theirs = await create<Generation>({ input }, { key: other.key, headers: { 'idempotency-key': 'shared' } });
    expect(theirs.status).toBe(202);
    expect(theirs.body.id).not.toBe(first.body.id);
  });

  it('is not used up by a refusal', async () => {
    const input = { reference_images: ['upl_00000000000000000000000000'], prompt: 'a person' };
    expect((await keyed('again', { input })).status).toBe(422);
    expect((await keyed('again', { input: { ...input, steps: 0 } })).status).toBe(422);
    expect((await keyed('again', { input: { ...input, reference_images: [await uploadedPicture()] } })).status).toBe(202);
  });

  it('of a full tenant still replays, and a refusal does not use it up', async () => {
    const { key } = await api().newTenant({ maxActive: 1 });
    const json = { input: { reference_images: ['https://93.184.215.14/a.jpg'], prompt: 'a person' } };
    const send = (name: string) => create<Either>(json, { key, headers: { 'idempotency-key': name } });
    const first = await send('one');
    expect((await send('two')).body.code).toBe('queue_full');
    expect((await send('one')).body.id).toBe(first.body.id);
    await exec(api().db, sql`UPDATE generation SET status = 'canceled', stage = NULL, completed_at = now() WHERE id = ${first.body.id}`);
    expect((await send('two')).status).toBe(202);
  });

  it('compares a form by its parts, and keeps no second copy of the pictures', async () => {
    const bytes = await picture(90, 90);
    const send = async (prompt: string) => {
      const form = new FormData();
      form.append('request', JSON.stringify({ input: { prompt } }));
      form.append('image', new Blob([new Uint8Array(bytes)]), `${Math.random()}.jpg`);
      return api().call<Either>('POST', '/v1/generations', { body: form, headers: { 'idempotency-key': 'form' } });
    };
    const uploads = async () => (await many(api().db, z.object({ n: z.number() }), sql`SELECT count(*)::int AS n FROM upload`))[0]?.n ?? 0;
    const first = await send('a person');
    const before = await uploads();
    const again = await send('a person');
    expect([again.status, again.body.id]).toEqual([202, first.body.id]);
    expect(await uploads()).toBe(before);
    expect((await send('another')).body.code).toBe('idempotency_key_reused');
  });

  it('is free again after 24 hours', async () => {
    const json = { input: { reference_images: ['https://93.184.215.14/a.jpg'], prompt: 'a person' } };
    const first = await keyed('old', json);
    await exec(api().db, sql`UPDATE idempotency_key SET created_at = now() - interval '25 hours' WHERE key = 'old'`);
    const second = await keyed('old', json);
    expect(second.status).toBe(202);
    expect(second.body.id).not.toBe(first.body.id);
    expect((await keyed('old', json)).body.id).toBe(second.body.id);
  });

  it.each(['', 'x'.repeat(256)])('%j is no key', async (key) => {
    const { status, body } = await keyed(key, { input: {} });
    expect(status).toBe(422);
    expect(body.code).toBe('validation_failed');
  });
});
