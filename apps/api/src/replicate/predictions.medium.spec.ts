/** Replicate's own client against the API alone; what workers make of it is e2e/replicate.e2e.ts. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Prediction, PredictionPage, type Problem } from '@likeness/contracts';
import { exec, many, one, sql } from '@likeness/platform/db';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { picture, startApi, useApi } from '../testing/api.ts';
import { clientOf, freshInput, PHOTO, pictureBlob } from '../testing/replicate.ts';

const api = useApi();

const input = { image: PHOTO, prompt: 'a person in the snow' };
const post = <T = Prediction>(json: unknown, path = '/v1/predictions', options: object = {}) =>
  api().call<T>('POST', path, { json, ...options });
const generations = async (tenant = api().tenant.id) =>
  (await one(api().db, z.object({ n: z.number() }), sql`SELECT count(*)::int AS n FROM generation WHERE tenant_id = ${tenant}`))?.n;

describe('a prediction', () => {
  it('is a generation in the words of the client', async () => {
    const made = await clientOf(api()).predictions.create({
      version: 'sketch-1',
      input: { ...input, num_outputs: 2, num_inference_steps: 7, seed: 3 },
    });
    expect(Prediction.strict().parse(made)).toEqual(made);
    const url = `${api().url}/v1/predictions/${made.id}`;
    expect(made).toMatchObject({
      model: 'likeness/sketch',
      version: 'sketch-1',
      status: 'starting',
      input: { image: PHOTO, num_outputs: 2, num_inference_steps: 7, seed: 3, output_format: 'png', scheduler: 'euler' },
      output: null,
      error: null,
      logs: 'Using seed: 3\n',
      metrics: {},
      source: 'api',
      data_removed: false,
      started_at: null,
      completed_at: null,
      urls: { get: url, cancel: `${url}/cancel`, web: url },
    });
    expect(made.urls.stream).toMatch(new RegExp(`^${api().url}/v1/files/streams/${made.id}\\?expires=\\d+&signature=`));
    expect(Object.keys(made.input)).not.toContain('num_images');
    const { body } = await api().call<{ input: { num_images: number } }>('GET', `/v1/generations/${made.id}`);
    expect(body.input.num_images).toBe(2);
  });

  it.each(['sketch-1', 'likeness/sketch:sketch-1', 'likeness/sketch:1', 'likeness/sketch', 'sketch'])(
    'runs the version %s',
    async (version) => {
      const { status, body } = await post({ version, input: freshInput() });
      expect([status, body.model, body.version]).toEqual([201, 'likeness/sketch', 'sketch-1']);
    },
  );

  it('runs a model and a deployment', async () => {
    const client = clientOf(api());
    expect((await client.predictions.create({ model: 'likeness/noop', input: freshInput() })).model).toBe('likeness/noop');
    expect((await client.deployments.predictions.create('likeness', 'sketch', { input: freshInput() })).version).toBe('sketch-1');
    await expect(client.predictions.create({ model: 'likeness/none', input: freshInput() })).rejects.toThrow('404');
    await expect(client.predictions.create({ model: 'stability-ai/sketch', input: freshInput() })).rejects.toThrow('404');
    await expect(client.predictions.create({ version: 'a'.repeat(64), input: freshInput() })).rejects.toThrow('422');
  });

  it.each([
    [{ reference_image: PHOTO, image: undefined }, { image: PHOTO }],
    [{ input_image: PHOTO, image: undefined }, { image: PHOTO }],
    [{ reference_images: [PHOTO, `${PHOTO}?2`], image: undefined }, { reference_images: [PHOTO, `${PHOTO}?2`] }],
    [{ scheduler: 'K_EULER_ANCESTRAL' }, { scheduler: 'euler_ancestral' }],
    [{ scheduler: 'KarrasDPM' }, { scheduler: 'dpmpp_2m_karras' }],
    [{ output_format: 'jpg' }, { output_format: 'jpeg' }],
    [
      { steps: 4, num_images: 2, format: 'webp' },
      { num_inference_steps: 4, num_outputs: 2, output_format: 'webp' },
    ],
    [
      { merge_step: '0.5', identity_scale: 0.5, facial_regions: ['eyes'] },
      { merge_step: '0.5', identity_scale: 0.5, facial_regions: ['eyes'] },
    ],
  ])('takes %j', async (given, shown) => {
    const { status, body } = await post({ version: 'sketch', input: { ...freshInput(), ...given } });
    expect(status, JSON.stringify(body)).toBe(201);
    expect(body.input).toMatchObject(shown);
  });

  it('takes a file of ours, a data: URI, a Blob and a Buffer', async () => {
    const client = clientOf(api());
    const file = await client.files.create(await pictureBlob());
    const bytes = await picture(90);
    const pictures = [file.urls.get, `data:image/jpeg;base64,${bytes.toString('base64')}`, await pictureBlob(100), await picture(110)];
    for (const image of pictures) {
      const made = await client.predictions.create({ model: 'likeness/sketch', input: { ...freshInput(), image } });
      expect((made.input as { image: string }).image).toMatch(new RegExp(`^${api().url}/v1/files/upl_`));
    }
    await expect(
      client.predictions.create({ model: 'likeness/sketch', input: { ...freshInput(), image: Buffer.from('no picture') } }),
    ).rejects.toThrow('image_unreadable');
  });

  it('is read, listed and canceled; another tenant’s is not there', async () => {
    const client = clientOf(api());
    const { id } = await client.predictions.create({ model: 'likeness/sketch', input: freshInput() });
    expect((await client.predictions.get(id)).id).toBe(id);
    expect((await client.predictions.list()).results[0]?.id).toBe(id);
    const stranger = clientOf(api(), { auth: (await api().newTenant()).key });
    await expect(stranger.predictions.get(id)).rejects.toThrow('404');
    await expect(stranger.predictions.cancel(id)).rejects.toThrow('404');
    expect((await stranger.predictions.list()).results).toEqual([]);
    expect((await client.predictions.get(id)).status).toBe('starting');
    const canceled = await client.predictions.cancel(id);
    expect(canceled).toMatchObject({ id, status: 'canceled', output: null, error: null });
    expect(await client.predictions.cancel(id)).toMatchObject({ status: 'canceled', completed_at: canceled.completed_at });
    expect(await client.wait(canceled, {})).toMatchObject({ status: 'canceled' });
  });

  it('is `starting` in the answer to whoever has waited in vain', async () => {
    const { status, body, headers } = await post({ version: 'sketch', input: freshInput() }, '/v1/predictions', {
      headers: { prefer: 'wait=1' },
    });
    expect([status, body.status, headers.get('preference-applied')]).toEqual([202, 'starting', 'wait=1']);
  });

  it('that a worker has begun is `starting` in the answer, and `processing` when it is read', async () => {
    const input = freshInput();
    const waiting = post({ version: 'sketch', input }, '/v1/predictions', { headers: { prefer: 'wait=2' } });
    const begun = sql`UPDATE generation SET status = 'processing', started_at = now() WHERE input->>'prompt' = ${input.prompt} RETURNING id`;
    await expect.poll(async () => (await many(api().db, z.object({ id: z.string() }), begun)).length).toBe(1);
    const { body } = await waiting;
    expect(body.status).toBe('starting');
    expect((await clientOf(api()).predictions.get(body.id)).status).toBe('processing');
  });

  it('ends in one of three ways, with the reason as a text', async () => {
    const client = clientOf(api());
    const { id } = await client.predictions.create({ model: 'likeness/sketch', input: freshInput() });
    const end = (status: string, code: string) =>
      exec(
        api().db,
        sql`UPDATE generation SET status = ${status}, completed_at = now(), error = jsonb_build_object(
              'code', ${code}::text, 'title', '', 'detail', 'It was so.', 'hint', '', 'retryable', false, 'stage', NULL) WHERE id = ${id}`,
      );
    await end('expired', 'deadline_exceeded');
    expect(await client.predictions.get(id)).toMatchObject({ status: 'canceled', error: 'It was so. (deadline_exceeded)' });
    await end('failed', 'no_face_detected');
    await expect(client.wait({ ...(await client.predictions.get(id)), status: 'starting' }, {})).rejects.toThrow(
      'Prediction failed: It was so. (no_face_detected)',
    );
  });
});

describe('a page of predictions', () => {
  it('has a hundred, and an absolute address for the next', async () => {
    const { id: tenant, key } = await api().newTenant();
    await exec(
      api().db,
      sql`INSERT INTO generation (id, tenant_id, status, stage, input, pack, completed_at)
          SELECT 'gen_0000000000000000000000' || lpad(n::text, 4, '0'), ${tenant}, 'failed', NULL,
                 '{"prompt": "x", "seed": 1, "steps": 1, "reference_images": []}', '{"name": "sketch", "version": "1", "trained": false}', now()
            FROM generate_series(1, 205) AS n`,
    );
    const client = clientOf(api(), { auth: key });
    const first = await client.predictions.list();
    expect(PredictionPage.parse(first)).toEqual(first);
    expect(first.next).toMatch(new RegExp(`^${api().url}/v1/predictions\\?cursor=`));
    const ids: string[] = [];
    for await (const page of client.paginate(client.predictions.list)) ids.push(...page.map(({ id }) => id));
    expect([ids.length, new Set(ids).size]).toEqual([205, 205]);
    expect(ids).toEqual([...ids].sort().reverse());
  });
});

describe('a refusal', () => {
  it('does not repeat what was sent, for the client is known to send its key by mistake', async () => {
    const { key } = api().tenant;
    const client = clientOf(api(), { auth: key, fileEncodingStrategy: 'data-uri' });
    const error = await client.predictions.create({ model: 'likeness/sketch', input: { ...input, image: await pictureBlob() } }).then(
      () => expect.fail('it was taken'),
      (thrown: Error) => thrown,
    );
    expect(error.message).toMatch(/ 422 .*"pointer":"\/input\/auth","detail":"is not known"/s);
    expect(error.message).not.toContain(key);
    expect(error.message).not.toContain(key.slice(-20));
  });

  it.each<[string, object, string]>([
    ['an unknown field', { input: { ...input, guidance: 'S3CRET' } }, '/input/guidance'],
    ['an unknown field beside the input', { input, auth: 'S3CRET' }, '/auth'],
    ['a value of a wrong type', { input: { ...input, seed: 'S3CRET' } }, '/input/seed'],
    ['a picture that is none', { input: { ...input, image: 'S3CRET' } }, '/input/image'],
    ['an input that is none', { input: 'S3CRET' }, '/input'],
    ['two names of one input', { input: { ...input, input_image: `${PHOTO}?S3CRET` } }, '/input/input_image'],
    ['an unknown event', { input, webhook: PHOTO, webhook_events_filter: ['S3CRET'] }, '/webhook_events_filter/0'],
    ['an unknown version', { input, version: 'S3CRET' }, '/version'],
    ['a pack in the input', { input: { ...input, pack: 'noop' } }, '/input/pack'],
  ])('of %s names the field', async (_name, body, pointer) => {
    const answer = await post<Problem>({ version: 'sketch', ...body });
    expect(answer.status).toBe(422);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.body.errors?.map((field) => field.pointer)).toEqual([pointer]);
    expect(JSON.stringify(answer.body)).not.toContain('S3CRET');
  });

  it('of what is no JSON does not either', async () => {
    const answer = await api().call<Problem>('POST', '/v1/predictions', {
      body: '{"input": S3CRET}',
      headers: { 'content-type': 'application/json' },
    });
    expect([answer.status, answer.body.code, JSON.stringify(answer.body).includes('S3CRET')]).toEqual([400, 'malformed_request', false]);
  });

  it('is a problem document with a detail', async () => {
    for (const [status, call] of [
      [401, api().call<Problem>('GET', '/v1/predictions', { key: 'r8_someone' })],
      [404, api().call<Problem>('GET', '/v1/predictions/none')],
      [404, api().call<Problem>('GET', '/v1/collections')],
      [422, post<Problem>({})],
    ] as const) {
      const answer = await call;
      expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'application/problem+json']);
      expect(answer.body).toMatchObject({ status, title: expect.any(String) as string, detail: expect.any(String) as string });
    }
  });
});

describe('the ways of the clients', () => {
  it('say Token, and JSON where there is no body', async () => {
    const { id } = await clientOf(api()).predictions.create({ model: 'likeness/sketch', input: freshInput() });
    const headers = { authorization: `Token ${api().tenant.key}`, 'content-type': 'application/json' };
    expect((await api().call('GET', `/v1/predictions/${id}`, { key: null, headers })).status).toBe(200);
    expect((await api().call('POST', `/v1/predictions/${id}/cancel`, { key: null, headers })).status).toBe(200);
    const file = await clientOf(api()).files.create(await pictureBlob());
    expect((await api().call('DELETE', `/v1/files/${file.id}`, { key: null, headers })).status).toBe(204);
  });

  it('repeat a POST whose connection broke: six copies are one prediction and one request', async () => {
    const { id: tenant, key } = await api().newTenant({ ratePerMinute: 2 });
    const input = freshInput();
    let broken = 0;
    const breaking: typeof fetch = async (url, init) => {
      const answer = await fetch(url, init);
      if (++broken > 5) return answer;
      await answer.arrayBuffer();
      throw new TypeError('fetch failed');
    };
    const made = await clientOf(api(), { auth: key, fetch: breaking }).predictions.create({ model: 'likeness/sketch', input });
    expect([broken, made.status, await generations(tenant)]).toEqual([6, 'starting', 1]);
    const copies = await Promise.all(Array.from({ length: 6 }, () => post({ input }, '/v1/models/likeness/sketch/predictions', { key })));
    expect(new Set(copies.map(({ body }) => body.id))).toEqual(new Set([made.id]));
    const second = await post({ input: freshInput() }, '/v1/predictions', { key });
    expect(second.status).toBe(422); // no version; it counts all the same
    const third = await post<Problem>({ version: 'sketch', input: freshInput() }, '/v1/predictions', { key });
    expect([third.status, third.body.code]).toEqual([429, 'rate_limited']);
  });

  it('on two replicas too', async () => {
    const { id: tenant, key } = await api().newTenant();
    const replica = await startApi({ DATABASE_URL: api().db.pool.options.connectionString ?? '' });
    try {
      const json = { version: 'sketch', input: freshInput() };
      await sleep(3_000 - (Date.now() % 3_000)); // copies on both sides of a window's end would be two
      const copies = await Promise.all(
        Array.from({ length: 6 }, (_, i) => (i % 2 === 0 ? api() : replica).call<Prediction>('POST', '/v1/predictions', { json, key })),
      );
      expect(copies.map(({ status }) => status)).toEqual(Array(6).fill(201));
      expect([new Set(copies.map(({ body }) => body.id)).size, await generations(tenant)]).toEqual([1, 1]);
    } finally {
      await replica.stop();
    }
  });

  it('with a key of their own, that key decides', async () => {
    const input = freshInput();
    const send = (key: string) => post({ version: 'sketch', input }, '/v1/predictions', { headers: { 'idempotency-key': key } });
    const [first, same, other] = [await send('a'), await send('a'), await send('b')];
    expect(same.body.id).toBe(first.body.id);
    expect(other.body.id).not.toBe(first.body.id);
  });
});
