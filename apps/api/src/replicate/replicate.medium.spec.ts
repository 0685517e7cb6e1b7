/** Replicate's own client against the API alone; what workers make of it is e2e/replicate.e2e.ts. */
import { request as httpRequest } from 'node:http';
import { Prediction, PredictionPage, ReplicateFile, type Problem } from '@likeness/contracts';
import { exec, many, one, sql } from '@likeness/platform/db';
import Replicate from 'replicate';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { picture, useApi } from '../testing/api.ts';

const api = useApi();

const clientOf = (key = api().tenant.key, options: Partial<ConstructorParameters<typeof Replicate>[0]> = {}) =>
  new Replicate({ baseUrl: `${api().url}/v1`, auth: key, ...options });
const PHOTO = 'https://93.184.215.14/a.jpg';
const input = { image: PHOTO, prompt: 'a person in the snow' };
const post = <T = Prediction>(json: unknown, path = '/v1/predictions', options: object = {}) =>
  api().call<T>('POST', path, { json, ...options });
const generations = async (tenant = api().tenant.id) =>
  (await one(api().db, z.object({ n: z.number() }), sql`SELECT count(*)::int AS n FROM generation WHERE tenant_id = ${tenant}`))?.n;
const blobOf = async (width = 80) => new Blob([new Uint8Array(await picture(width))], { type: 'image/jpeg' });
let prompts = 0;
/** Requests that are not to be taken for copies of each other. */
const fresh = () => ({ ...input, prompt: `a person, ${++prompts}` });

describe('a prediction', () => {
  it('is a generation in the words of the client', async () => {
    const made = await clientOf().predictions.create({
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
      const { status, body } = await post({ version, input: fresh() });
      expect([status, body.model, body.version]).toEqual([201, 'likeness/sketch', 'sketch-1']);
    },
  );

  it('runs a model and a deployment', async () => {
    const client = clientOf();
    expect((await client.predictions.create({ model: 'likeness/noop', input: fresh() })).model).toBe('likeness/noop');
    expect((await client.deployments.predictions.create('likeness', 'sketch', { input: fresh() })).version).toBe('sketch-1');
    await expect(client.predictions.create({ model: 'likeness/none', input: fresh() })).rejects.toThrow('404');
    await expect(client.predictions.create({ model: 'stability-ai/sketch', input: fresh() })).rejects.toThrow('404');
    await expect(client.predictions.create({ version: 'a'.repeat(64), input: fresh() })).rejects.toThrow('422');
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
    const { status, body } = await post({ version: 'sketch', input: { ...fresh(), ...given } });
    expect(status, JSON.stringify(body)).toBe(201);
    expect(body.input).toMatchObject(shown);
  });

  it('takes a file of ours, a data: URI, a Blob and a Buffer', async () => {
    const client = clientOf();
    const file = await client.files.create(await blobOf());
    const bytes = await picture(90);
    const pictures = [file.urls.get, `data:image/jpeg;base64,${bytes.toString('base64')}`, await blobOf(100), await picture(110)];
    for (const image of pictures) {
      const made = await client.predictions.create({ model: 'likeness/sketch', input: { ...fresh(), image } });
      expect((made.input as { image: string }).image).toMatch(new RegExp(`^${api().url}/v1/files/upl_`));
    }
    await expect(
      client.predictions.create({ model: 'likeness/sketch', input: { ...fresh(), image: Buffer.from('no picture') } }),
    ).rejects.toThrow('image_unreadable');
  });

  it('is read, listed and canceled; another tenant’s is not there', async () => {
    const client = clientOf();
    const { id } = await client.predictions.create({ model: 'likeness/sketch', input: fresh() });
    expect((await client.predictions.get(id)).id).toBe(id);
    expect((await client.predictions.list()).results[0]?.id).toBe(id);
    const stranger = clientOf((await api().newTenant()).key);
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
    const { status, body, headers } = await post({ version: 'sketch', input: fresh() }, '/v1/predictions', {
      headers: { prefer: 'wait=1' },
    });
    expect([status, body.status, headers.get('preference-applied')]).toEqual([202, 'starting', 'wait=1']);
  });

  it('that a worker has begun is `starting` in the answer, and `processing` when it is read', async () => {
    const waiting = post({ version: 'sketch', input: fresh() }, '/v1/predictions', { headers: { prefer: 'wait=2' } });
    const begun = sql`UPDATE generation SET status = 'processing', started_at = now() WHERE input->>'prompt' = ${`a person, ${prompts}`} RETURNING id`;
    await expect.poll(async () => (await many(api().db, z.object({ id: z.string() }), begun)).length).toBe(1);
    const { body } = await waiting;
    expect(body.status).toBe('starting');
    expect((await clientOf().predictions.get(body.id)).status).toBe('processing');
  });

  it('ends in one of three ways, with the reason as a text', async () => {
    const client = clientOf();
    const { id } = await client.predictions.create({ model: 'likeness/sketch', input: fresh() });
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
    const client = clientOf(key);
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
    const client = clientOf(key, { fileEncodingStrategy: 'data-uri' });
    const error = await client.predictions.create({ model: 'likeness/sketch', input: { ...input, image: await blobOf() } }).then(
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
    const { id } = await clientOf().predictions.create({ model: 'likeness/sketch', input: fresh() });
    const headers = { authorization: `Token ${api().tenant.key}`, 'content-type': 'application/json' };
    expect((await api().call('GET', `/v1/predictions/${id}`, { key: null, headers })).status).toBe(200);
    expect((await api().call('POST', `/v1/predictions/${id}/cancel`, { key: null, headers })).status).toBe(200);
    const file = await clientOf().files.create(await blobOf());
    expect((await api().call('DELETE', `/v1/files/${file.id}`, { key: null, headers })).status).toBe(204);
  });

  it('repeat a POST whose connection broke: six copies are one prediction and one request', async () => {
    const { id: tenant, key } = await api().newTenant({ ratePerMinute: 2 });
    const input = fresh();
    let broken = 0;
    const breaking: typeof fetch = async (url, init) => {
      const answer = await fetch(url, init);
      if (++broken > 5) return answer;
      await answer.arrayBuffer();
      throw new TypeError('fetch failed');
    };
    const made = await clientOf(key, { fetch: breaking }).predictions.create({ model: 'likeness/sketch', input });
    expect([broken, made.status, await generations(tenant)]).toEqual([6, 'starting', 1]);
    const copies = await Promise.all(Array.from({ length: 6 }, () => post({ input }, '/v1/models/likeness/sketch/predictions', { key })));
    expect(new Set(copies.map(({ body }) => body.id))).toEqual(new Set([made.id]));
    const second = await post({ input: fresh() }, '/v1/predictions', { key });
    expect(second.status).toBe(422); // no version; it counts all the same
    const third = await post<Problem>({ version: 'sketch', input: fresh() }, '/v1/predictions', { key });
    expect([third.status, third.body.code]).toEqual([429, 'rate_limited']);
  });

  it('on two replicas too', async () => {
    const { id: tenant, key } = await api().newTenant();
    const input = fresh();
    const idempotency = sql`SELECT resource_id AS id FROM idempotency_key WHERE tenant_id = ${tenant}`;
    await post({ version: 'sketch', input }, '/v1/predictions', { key });
    const [claimed] = await many(api().db, z.object({ id: z.string() }), idempotency);
    expect(claimed?.id).toMatch(/^gen_/); // a copy elsewhere meets this row
  });

  it('with a key of their own, that key decides', async () => {
    const input = fresh();
    const send = (key: string) => post({ version: 'sketch', input }, '/v1/predictions', { headers: { 'idempotency-key': key } });
    const [first, same, other] = [await send('a'), await send('a'), await send('b')];
    expect(same.body.id).toBe(first.body.id);
    expect(other.body.id).not.toBe(first.body.id);
  });
});

describe('a file', () => {
  it('is an upload in the words of the client', async () => {
    const client = clientOf();
    const bytes = await picture(200);
    const file = await client.files.create(new File([new Uint8Array(bytes)], 'me.jpg', { type: 'image/jpeg' }), { order: 7 });
    expect(ReplicateFile.strict().parse(file)).toEqual(file);
    expect(file).toMatchObject({ name: 'me.jpg', content_type: 'image/jpeg', size: bytes.length, metadata: { order: 7 } });
    expect(await client.files.get(file.id)).toMatchObject({ id: file.id, metadata: { order: 7 } });
    expect((await client.files.list()).results[0]?.id).toBe(file.id);
    const download = await fetch((file.urls as unknown as { download: string }).download);
    expect([download.headers.get('content-type'), Buffer.from(await download.arrayBuffer())]).toEqual(['image/jpeg', bytes]);
    expect((await fetch(`${api().url}/v1/files/${file.id}/download?expires=1900000000&signature=x`)).status).toBe(404);

    const stranger = clientOf((await api().newTenant()).key);
    await expect(stranger.files.get(file.id)).rejects.toThrow('404');
    await expect(stranger.files.delete(file.id)).rejects.toThrow('404');
    await expect(stranger.predictions.create({ model: 'likeness/sketch', input: { ...fresh(), image: file.urls.get } })).rejects.toThrow(
      'upload_invalid',
    );

    expect(await client.files.delete(file.id)).toBe(true);
    await expect(client.files.get(file.id)).rejects.toThrow('404');
    await expect(client.files.delete(file.id)).rejects.toThrow('404');
    await expect(client.predictions.create({ model: 'likeness/sketch', input: { ...fresh(), image: file.urls.get } })).rejects.toThrow(
      'upload_invalid',
    );
    expect((await client.files.list()).results.map(({ id }) => id)).not.toContain(file.id);
  });

  it.each<[string, (form: FormData) => void, number]>([
    ['metadata as a field', (form) => form.append('metadata', '{"a": 1}'), 201],
    ['no metadata', () => undefined, 201],
    ['metadata that is no object', (form) => form.append('metadata', '[1]'), 422],
    ['metadata that is no JSON', (form) => form.append('metadata', new Blob(['x']), 'blob'), 422],
    ['a part that is not known', (form) => form.append('owner', 'me'), 422],
    ['two contents', (form) => form.append('content', new Blob(['x']), 'b.jpg'), 422],
  ])('comes with %s', async (_name, add, status) => {
    const form = new FormData();
    form.append('content', await blobOf(120), 'a.jpg');
    add(form);
    expect((await api().call('POST', '/v1/files', { body: form })).status).toBe(status);
  });

  it('that is too large is 413', async () => {
    const form = new FormData();
    form.append('content', new Blob([new Uint8Array(20_000_001)]), 'a.jpg');
    expect(await api().call('POST', '/v1/files', { body: form })).toMatchObject({
      status: 413,
      body: { detail: expect.any(String) as string },
    });
  });

  it('sent six times at once is one', async () => {
    const { key } = await api().newTenant({ ratePerMinute: 1 });
    const bytes = await blobOf(130);
    const send = () => {
      const form = new FormData();
      form.append('content', bytes, 'a.jpg');
      return api().call<{ id: string }>('POST', '/v1/files', { body: form, key });
    };
    const answers = await Promise.all(Array.from({ length: 6 }, send));
    expect(answers.map(({ status }) => status)).toEqual(Array(6).fill(201));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
  });
});

describe('the models', () => {
  it('are the packs', async () => {
    const client = clientOf();
    const model = await client.models.get('likeness', 'sketch');
    expect(model).toMatchObject({
      owner: 'likeness',
      name: 'sketch',
      url: `${api().url}/v1/models/likeness/sketch`,
      latest_version: { id: 'sketch-1' },
    });
    const version = await client.models.versions.get('likeness', 'sketch', 'sketch-1');
    expect(version.cog_version).toBe('0.9.0'); // anything below 0.3.9 makes Python's `run` return a generator
    const { Input, Output } = (version.openapi_schema as { components: { schemas: Record<string, Record<string, unknown>> } }).components
      .schemas;
    expect(Input).toMatchObject({ type: 'object', required: ['prompt'], additionalProperties: false });
    expect(Input?.['properties']).toMatchObject({
      width: { default: 256 },
      num_inference_steps: { default: 20 },
      image: { format: 'uri' },
    });
    expect(Output).toMatchObject({ type: 'array', items: { type: 'string', format: 'uri' } });
    const versions = (await client.models.versions.list('likeness', 'sketch')) as unknown as { results: { id: string }[] };
    expect(versions.results.map(({ id }) => id)).toEqual(['sketch-1']);
    await expect(client.models.get('likeness', 'none')).rejects.toThrow('404');
    await expect(client.models.versions.get('likeness', 'sketch', '2')).rejects.toThrow('404');
    const names = (page: { results: { name: string }[] }) => page.results.map(({ name }) => name);
    expect(names(await client.models.search('Real architectures'))).toEqual(['sketch']);
    expect(names(await client.models.search('nothing like it'))).toEqual([]);
    expect(names(await client.models.list())).toEqual(expect.arrayContaining(['noop', 'sketch']));
  });

  it('belong to an account', async () => {
    expect(await clientOf().accounts.current()).toMatchObject({ type: 'organization', username: api().tenant.id, name: api().tenant.id });
  });
});

describe('a stream', () => {
  it('tells what happened and ends with `done`; the link is the permission', async () => {
    const client = clientOf();
    const made = await client.predictions.create({ model: 'likeness/sketch', input: fresh() });
    const link = made.urls.stream ?? '';
    const open = fetch(link, { headers: { accept: 'text/event-stream' } });
    expect((await open).headers.get('content-type')).toBe('text/event-stream');
    await client.predictions.cancel(made.id);
    const seed = (made.input as { seed: number }).seed;
    expect((await (await open).text()).replaceAll(': ping\n\n', '')).toBe(
      `id: 1\nevent: logs\ndata: Using seed: ${seed}\ndata: \n\nid: 2\nevent: done\ndata: {"reason":"canceled"}\n\n`,
    );
    const rest = await fetch(link, { headers: { 'last-event-id': '1' } });
    expect((await rest.text()).replaceAll(': ping\n\n', '')).toBe('id: 2\nevent: done\ndata: {"reason":"canceled"}\n\n');
    expect((await fetch(link.replace(/signature=./, 'signature='))).status).toBe(404);
    const { id: other } = await client.predictions.create({ model: 'likeness/sketch', input: fresh() });
    expect((await fetch(link.replace(made.id, other))).status).toBe(404);
    expect((await fetch(link, { headers: { accept: 'text/html' } })).status).toBe(406);
  });

  it('is let go when the client goes', async () => {
    const made = await clientOf().predictions.create({ model: 'likeness/sketch', input: fresh() });
    await new Promise<void>((done, failed) => {
      const open = httpRequest(made.urls.stream ?? '', (response) => response.once('data', () => open.destroy()).once('close', done));
      open.once('error', failed).end();
    });
  });
});
