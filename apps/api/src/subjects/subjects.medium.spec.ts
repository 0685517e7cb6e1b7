/** Subjects through the API; stages and the dispatcher's rounds are driven by hand, so that every order of events can be had. */
import { createHash } from 'node:crypto';
import { newId, type Erasure, type Generation, type Problem, type StageId, type Subject, type SubjectList } from '@likeness/contracts';
import {
  claimStage,
  completeStage,
  continueErasures,
  eraseExpired,
  removeRequested,
  runStage,
  settleCancel,
  type StageWork,
} from '@likeness/generation';
import { exec, many, one, sql } from '@likeness/platform/db';
import { openSignals, type Signals } from '@likeness/platform/signals';
import type { SealedStore } from '@likeness/platform/storage';
import { createLogger } from '@likeness/platform/telemetry';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { picture, useApi, type CallOptions } from '../testing/api.ts';

const api = useApi();
const log = createLogger('test', 'silent');
let signals: Signals;
beforeAll(() => {
  signals = openSignals({ DATABASE_URL: '', REDIS_URL: 'redis://127.0.0.1:1' });
});
afterAll(() => signals.close());

const consent = { basis: 'consent', obtained_at: '2026-11-01T10:00:00Z', policy_version: '3' };
const dataUri = (bytes: Buffer) => `data:image/jpeg;base64,${bytes.toString('base64')}`;
const post = <T = Subject>(json: object, options: CallOptions = {}) => api().call<T>('POST', '/v1/subjects', { json, ...options });
const subject = async (more: object = {}): Promise<Subject> => {
  const { status, body } = await post({ reference_images: [dataUri(await picture())], consent, ...more });
  expect(status).toBe(201);
  return body;
};
const create = <T = Generation>(input: object, more: object = {}, options: CallOptions = {}) =>
  api().call<T>('POST', '/v1/generations', { json: { input: { prompt: 'a person', pack: 'noop', ...input }, ...more }, ...options });
const generation = async (id: string) => (await api().call<Generation>('GET', `/v1/generations/${id}`)).body;
const receipt = async (id: string) => (await api().call<Erasure>('GET', `/v1/erasures/${id}`)).body;
const erase = (id: string, options: CallOptions = {}) => api().call<{ erasure_id: string }>('DELETE', `/v1/subjects/${id}`, options);

const StageRow = z.object({ id: z.custom<StageId>() });
const waiting = (id: string) =>
  one(api().db, StageRow, sql`SELECT id FROM stage WHERE generation_id = ${id} AND status = 'queued'`).then((row) => row?.id);
/** What the models would leave. `ran` is what has been at work. */
const working =
  (ran: string[]): StageWork =>
  async ({ stage, keep, point }) => {
    ran.push(stage.name);
    const bytes = (text: string) => ({ bytes: Buffer.from(text), contentType: 'text/plain', detail: { width: 1, height: 1, seed: 1 } });
    if (stage.name === 'parse') {
      const row = await one(
        api().db,
        z.object({ key: z.string().nullable() }),
        sql`SELECT reference_images->0->>'object_key' AS key FROM subject WHERE id = ${stage.subject_id}`,
      );
      const about = { id: newId('artifact'), index: 0, content_type: 'image/jpeg', size: 1, sha256: '', detail: {} };
      if (row?.key) point({ ...about, name: 'reference', object_key: row.key, data_key_id: stage.data_key_id });
      else await keep('reference', bytes('a reference'));
      for (const name of ['face', 'label-map']) await keep(name, bytes(name));
    }
    if (stage.name === 'embed') await keep('identity', bytes('the identity'));
    if (stage.name === 'sample') await keep('images', bytes('a portrait'));
  };
const runNext = async (id: string, work: StageWork) => {
  const stageId = await waiting(id);
  if (!stageId) throw new Error(`nothing waits of ${id}`);
  return runStage(
    { db: api().db, store: api().store, signals, log, workerId: newId('worker') },
    stageId,
    work,
    new AbortController().signal,
  );
};
/** Runs it to its end; returns the stages for which a model was asked. */
const finish = async (id: string): Promise<string[]> => {
  const ran: string[] = [];
  while (await waiting(id)) expect(await runNext(id, working(ran))).toBe('completed');
  return ran;
};
const objects = async (...parts: string[]) => {
  const keys: string[] = [];
  for await (const { key } of api().store.list('t/')) if (parts.every((part) => key.includes(part))) keys.push(key);
  return keys.sort();
};
const round = () => continueErasures(api().db, api().store, 100);
/** The stages ended longer ago than any lease lasts. */
const timePasses = () => exec(api().db, sql`UPDATE stage SET completed_at = completed_at - interval '1 minute'`);

describe('a subject', () => {
  it('keeps its own copies of data: URIs and uploads, under its own data key', async () => {
    const [first, second] = [await picture(80, 90), await picture(100, 70)];
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(second)]), 'a.jpg');
    const upload = await api().call<{ id: string }>('POST', '/v1/uploads', { body: form });
    const { status, body, headers } = await post({
      reference_images: [dataUri(first), upload.body.id],
      external_id: 'customer-17',
      consent: { ...consent, evidence: 'form 12' },
      retention: 'P90D',
    });
    expect([status, headers.get('location')]).toEqual([201, `${api().url}/v1/subjects/${body.id}`]);
    expect(body).toMatchObject({
      object: 'subject',
      external_id: 'customer-17',
      consent: { ...consent, evidence: 'form 12' },
      retention: 'P90D',
    });
    expect(Date.parse(body.expires_at ?? '') - Date.parse(body.created_at)).toBe(90 * 86_400_000);
    expect(body.reference_images.map(({ sha256 }) => sha256)).toEqual(
      [first, second].map((b) => createHash('sha256').update(b).digest('hex')),
    );
    const keys = [0, 1].map((i) => `t/${api().tenant.id}/subjects/${body.id}/references/${i}`);
    expect(await objects(body.id)).toEqual(keys);
    const dataKey = await api().dataKey(body.id);
    expect(Buffer.from(await api().store.get(keys[1] ?? '', dataKey))).toEqual(second);
    await expect(api().store.get(keys[1] ?? '', await api().dataKey(upload.body.id))).rejects.toThrow();
    expect((await api().call<Subject>('GET', `/v1/subjects/${body.id}`)).body).toEqual(body);
  });

  it('comes as a form, too', async () => {
    const form = new FormData();
    form.append('image', new Blob([new Uint8Array(await picture())]), 'a.jpg');
    form.append('request', JSON.stringify({ consent, external_id: 'form' }));
    const { status, body } = await api().call<Subject>('POST', '/v1/subjects', { body: form });
    expect([status, body.external_id, body.reference_images.length]).toEqual([201, 'form', 1]);
  });

  it('is made once per Idempotency-Key', async () => {
    const json = { reference_images: [dataUri(await picture())], consent };
    const headers = { 'idempotency-key': 'subject-once' };
    const [first, again] = [await post(json, { headers }), await post(json, { headers })];
    expect([again.status, again.body.id, again.headers.get('idempotent-replayed')]).toEqual([201, first.body.id, 'true']);
    const other = await post<Problem>({ ...json, external_id: 'x' }, { headers });
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused']);
  });

  it.each<[string, (photo: string) => object, string, string | undefined]>([
    ['no consent', (p) => ({ reference_images: [p] }), 'consent_required', '/consent'],
    ['consent that is null', (p) => ({ reference_images: [p], consent: null }), 'consent_required', '/consent'],
    ['half a consent', (p) => ({ reference_images: [p], consent: { basis: 'consent' } }), 'validation_failed', '/consent/obtained_at'],
    [
      'another basis',
      (p) => ({ reference_images: [p], consent: { ...consent, basis: 'curiosity' } }),
      'validation_failed',
      '/consent/basis',
    ],
    ['a strange field', (p) => ({ reference_images: [p], consent, name: 'x' }), 'validation_failed', '/name'],
    ['no picture', () => ({ reference_images: [], consent }), 'validation_failed', '/reference_images'],
    ['five pictures', (p) => ({ reference_images: Array(5).fill(p), consent }), 'validation_failed', '/reference_images'],
    ['a month', (p) => ({ reference_images: [p], consent, retention: 'P1M' }), 'validation_failed', '/retention'],
    ['no such upload', () => ({ reference_images: [newId('upload')], consent }), 'upload_invalid', undefined],
    ['no picture inside', () => ({ reference_images: ['data:image/png;base64,AAAA'], consent }), 'image_unreadable', undefined],
    ['a private address', () => ({ reference_images: ['https://127.0.0.1/a.jpg'], consent }), 'input_url_blocked', undefined],
  ])('with %s is refused', async (_name, json, code, pointer) => {
    const before = await objects('subjects');
    const { status, body } = await post<Problem>(json(dataUri(await picture())));
    expect([status, body.code, body.errors?.[0]?.pointer]).toEqual([422, code, pointer]);
    expect(await objects('subjects')).toEqual(before);
  });

  it('is listed, newest first, also by your own name for it', async () => {
    const [a, b] = [await subject({ external_id: 'listed' }), await subject({ external_id: 'listed' })];
    await subject();
    const list = async (query: string) => (await api().call<SubjectList>('GET', `/v1/subjects?external_id=listed&${query}`)).body;
    expect((await list('')).data.map(({ id }) => id)).toEqual([b.id, a.id]);
    const first = await list('limit=1');
    expect(first.data.map(({ id }) => id)).toEqual([b.id]);
    expect((await list(`limit=1&cursor=${first.next_cursor}`)).data.map(({ id }) => id)).toEqual([a.id]);
  });

  it('does not exist for another tenant, in any way', async () => {
    const { id } = await subject();
    const other = await api().newTenant();
    const erasure = (await erase((await subject()).id)).body.erasure_id;
    const answers = [
      await api().call<Problem>('GET', `/v1/subjects/${id}`, { key: other.key }),
      await erase(id, { key: other.key }),
      await api().call<Problem>('GET', `/v1/erasures/${erasure}`, { key: other.key }),
      await create<Problem>({ subject: id }, {}, { key: other.key }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404]);
    expect((await api().call<SubjectList>('GET', '/v1/subjects', { key: other.key })).body.data).toEqual([]);
    expect((await api().call('GET', `/v1/subjects/${id}`)).status).toBe(200);
    for (const path of ['/v1/subjects/x', `/v1/subjects/${newId('generation')}`, `/v1/erasures/${newId('erasure')}`])
      expect((await api().call('GET', path)).status).toBe(404);
  });

  it('is made and erased with scopes of their own', async () => {
    const { id } = await subject();
    const { key } = await api().newKey(api().tenant.id, ['subjects:write']);
    expect((await api().call('GET', `/v1/subjects/${id}`, { key })).status).toBe(200);
    expect((await erase(id, { key })).status).toBe(403);
  });
});

describe('generations of a subject', () => {
  it('take it instead of pictures, not beside them', async () => {
    const { id } = await subject();
    const made = await create({ subject: id });
    expect([made.status, made.body.input?.subject, made.body.input?.reference_images]).toEqual([202, id, []]);
    const both = await create<Problem>({ subject: id, reference_images: [dataUri(await picture())] });
    expect([both.status, both.body.errors?.[0]?.pointer]).toEqual([422, '/input/subject']);
    const neither = await create<Problem>({});
    expect([neither.status, neither.body.errors?.[0]?.pointer]).toEqual([422, '/input/reference_images']);
    const missing = await create<Problem>({ subject: newId('subject') });
    expect([missing.status, missing.body.code]).toEqual([404, 'not_found']);
  });

  it('use what the first has found, whatever the prompt; not with other regions, nor of another subject', async () => {
    const { id } = await subject();
    const jobs = [];
    for (const input of [{}, { prompt: 'in a forest', seed: 5 }, { facial_regions: ['nose'] }])
      jobs.push((await create({ subject: id, ...input })).body);
    const [first, second, third] = jobs as [Generation, Generation, Generation];
    expect(await finish(first.id)).toEqual(['parse', 'embed', 'sample']);
    expect(await finish(second.id)).toEqual(['sample']);
    expect(await finish(third.id)).toEqual(['parse', 'embed', 'sample']);
    const caches = await Promise.all([first, second, third].map(async (job) => (await generation(job.id)).cache));
    expect(caches).toEqual([
      { parse: false, embed: false },
      { parse: true, embed: true },
      { parse: false, embed: false },
    ]);
    const hits = await many(
      api().db,
      z.object({ cache_hits: z.number() }),
      sql`SELECT cache_hits FROM usage_entry ORDER BY id DESC LIMIT 3`,
    );
    expect(hits.map(({ cache_hits }) => cache_hits).reverse()).toEqual([0, 2, 0]);
    const twin = await create({ subject: (await subject()).id }); // the same picture
    expect(await finish(twin.body.id)).toEqual(['parse', 'embed', 'sample']);
    const alone = await create({ reference_images: [dataUri(await picture())] });
    expect(await finish(alone.body.id)).toEqual(['parse', 'embed', 'sample']);
  });

  it('still find it when the generation that found it has been removed', async () => {
    const { id } = await subject();
    const first = (await create({ subject: id })).body;
    await finish(first.id);
    expect((await api().call('DELETE', `/v1/generations/${first.id}`)).status).toBe(202);
    await removeRequested(api().db, api().store, 100);
    expect(await generation(first.id)).toMatchObject({ data_removed: true, input: null, output: null });
    const second = (await create({ subject: id })).body;
    expect(await finish(second.id)).toEqual(['sample']);
    const [link] = (await generation(second.id)).output ?? [];
    expect(await (await fetch(link?.url ?? '')).text()).toBe('a portrait');
  });
});

describe('an erasure', () => {
  it('removes all there is and gives a receipt that adds up', async () => {
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(await picture())]), 'a.jpg');
    const upload = (await api().call<{ id: string }>('POST', '/v1/uploads', { body: form })).body.id;
    const { id } = await subject({ reference_images: [upload], external_id: 'gone' });
    const jobs = [(await create({ subject: id })).body, (await create({ subject: id }, { webhook: 'https://93.184.215.14/hook' })).body];
    for (const job of jobs) await finish(job.id);
    const [link] = (await generation(jobs[0]?.id ?? '')).output ?? [];
    const keys = [...(await objects(id)), ...(await objects(upload))];
    expect(keys).toHaveLength(7); // reference, face, label-map, identity, two portraits, upload
    await exec(
      api().db,
      sql`INSERT INTO webhook_endpoint (id, tenant_id, url, events, secret) VALUES (${newId('endpoint')}, ${api().tenant.id}, 'https://93.184.215.14/', '{subject.erased}', 'whsec_dGVzdA==')`,
    );

    const begun = await erase(id);
    expect(begun.status).toBe(202);
    expect((await fetch(link?.url ?? '')).status).toBe(410);
    const gone = await api().call<Problem>('GET', `/v1/subjects/${id}`);
    expect([gone.status, gone.body.code, gone.body.status]).toEqual([410, 'subject_erased', 410]);
    const refused = await create<Problem>({ subject: id });
    expect([refused.status, refused.body.code]).toEqual([409, 'subject_erased']);
    expect(await receipt(begun.body.erasure_id)).toMatchObject({
      subject: id,
      status: 'running',
      completed_at: null,
      data_key_destroyed: true,
    });

    await round();
    expect(await receipt(begun.body.erasure_id)).toMatchObject({ status: 'running' }); // a worker might still write
    await timePasses();
    expect(await round()).toBe(0);
    const done = await receipt(begun.body.erasure_id);
    expect(done).toMatchObject({
      status: 'completed',
      removed: { objects: 7, cache_entries: 2, generations: 2 },
      data_key_destroyed: true,
    });
    expect([...done.object_keys_sha256].sort()).toEqual(keys.map((key) => createHash('sha256').update(key).digest('hex')).sort());
    expect(done.removed.rows).toBeGreaterThan(15);
    expect([...(await objects(id)), ...(await objects(upload))]).toEqual([]);
    for (const job of jobs) expect(await generation(job.id)).toMatchObject({ data_removed: true, input: null, output: null, metadata: {} });
    const Told = z.object({ type: z.string(), body: z.looseObject({ data: z.unknown() }) });
    const told = await many(
      api().db,
      Told,
      sql`SELECT type, body FROM webhook_delivery WHERE type = 'subject.erased' AND body->'data'->>'id' = ${id}`,
    );
    expect(told.map(({ body }) => body.data)).toEqual([{ id, erasure_id: begun.body.erasure_id, status: 'completed', sequence: 1 }]);
    const again = await erase(id);
    expect([again.status, again.body.erasure_id]).toEqual([202, begun.body.erasure_id]);
    await round();
    expect(await receipt(begun.body.erasure_id)).toEqual(done);
  });

  it('is one, however many ask for it at once', async () => {
    const { id } = await subject();
    const all = await Promise.all(Array.from({ length: 8 }, () => erase(id)));
    expect(new Set(all.map(({ status, body }) => `${status} ${body.erasure_id}`)).size).toBe(1);
    await round();
  });

  it('ends a job in mid-stage: its worker can complete nothing, and what it has written is gone', async () => {
    const { id } = await subject();
    const job = (await create({ subject: id })).body;
    const arrived = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const running = runNext(job.id, async (context) => {
      await context.keep('face', { bytes: Buffer.from('half of the work'), contentType: 'text/plain' });
      arrived.resolve();
      await goOn.promise;
      await working([])(context);
    });
    await arrived.promise;
    const { erasure_id } = (await erase(id)).body;
    await round();
    expect(await generation(job.id)).toMatchObject({ status: 'processing', data_removed: false });
    goOn.resolve();
    expect(await running).toBe('canceled');
    await timePasses();
    expect(await round()).toBe(0);
    expect(await receipt(erasure_id)).toMatchObject({ status: 'completed', removed: { generations: 1 } });
    expect(await objects(id)).toEqual([]);
    expect(await generation(job.id)).toMatchObject({ status: 'canceled', data_removed: true });
  });

  it('outlives a worker that comes back from the dead: it completes nothing, and nobody can read what it writes', async () => {
    const { id } = await subject();
    const job = (await create({ subject: id })).body;
    const stageId = await waiting(job.id);
    const zombie = stageId && (await claimStage(api().db, stageId, newId('worker'), api().store.vault.newKey()));
    if (!zombie) throw new Error('the stage can be claimed');
    const { erasure_id } = (await erase(id)).body;
    await settleCancel(api().db, zombie.generation_id, 'forced');
    await round();
    const key = `t/${api().tenant.id}/subjects/${id}/cache/${job.id}/parse/1/face-0`;
    const put = () => api().store.put(key, Buffer.from('a face'), { contentType: 'image/png', dataKey: zombie.data_key });
    await put();
    const artifacts = ['reference', 'face', 'label-map'].map((name) => ({
      ...{
        id: newId('artifact'),
        name,
        index: 0,
        object_key: key,
        data_key_id: id,
        content_type: 'image/png',
        size: 6,
        sha256: '',
        detail: {},
      },
    }));
    expect(await completeStage(api().db, zombie, 'parse', { artifacts, warnings: [], gpuSeconds: 0 })).toBe(false);
    await timePasses();
    expect(await round()).toBe(0);
    expect(await objects(id)).toEqual([]);
    expect((await receipt(erasure_id)).object_keys_sha256).toContain(createHash('sha256').update(key).digest('hex'));
    await put(); // later still
    await expect(api().store.get(key, await api().dataKey(id))).rejects.toThrow('there is no object');
    await api().store.remove([key]);
  });

  it('goes on after a crash between any two steps, and counts nothing twice', async () => {
    const { id } = await subject();
    const job = (await create({ subject: id })).body;
    await finish(job.id);
    await timePasses();
    const keys = await objects(id);
    const { erasure_id } = (await erase(id)).body;
    let calls = 0;
    const dying = (at: number): SealedStore => ({
      ...api().store,
      remove: async (removed) => {
        if (at === 0) throw new Error('died before');
        await api().store.remove(removed);
        if (++calls === at) throw new Error('died after');
      },
    });
    await expect(continueErasures(api().db, dying(0), 100)).rejects.toThrow('died before');
    await expect(continueErasures(api().db, dying(1), 100)).rejects.toThrow('died after');
    expect(await round()).toBe(0);
    expect(await receipt(erasure_id)).toMatchObject({
      status: 'completed',
      removed: { objects: keys.length, generations: 1, cache_entries: 2 },
    });
  });

  it('comes by itself when the retention of the subject is over', async () => {
    const { id } = await subject({ retention: 'P1D' });
    await exec(api().db, sql`UPDATE subject SET expires_at = now() WHERE id = ${id}`);
    const gone = await api().call<Problem>('GET', `/v1/subjects/${id}`);
    expect([gone.status, gone.body.code]).toEqual([410, 'subject_erased']);
    expect((await create<Problem>({ subject: id })).body.code).toBe('subject_erased');
    expect(await eraseExpired(api().db, 100)).toBe(1);
    await round();
    expect(await objects(id)).toEqual([]);
    expect(await eraseExpired(api().db, 100)).toBe(0);
  });

  it('sees a job that is made in the same moment', async () => {
    for (let i = 0; i < 10; i++) {
      const { id } = await subject();
      const [made, begun] = await Promise.all([create({ subject: id }), erase(id)]);
      expect([202, 409]).toContain(made.status);
      await round();
      expect(await receipt(begun.body.erasure_id)).toMatchObject({ status: 'completed' });
      if (made.status === 202) expect(await generation(made.body.id)).toMatchObject({ status: 'canceled', data_removed: true });
    }
  });
});

describe('DELETE /v1/generations/{id}', () => {
  const remove = <T = Generation>(id: string, options: CallOptions = {}) => api().call<T>('DELETE', `/v1/generations/${id}`, options);
  const removal = () => removeRequested(api().db, api().store, 100);

  it('removes an ended one: 202, then 200 without data, then 204', async () => {
    const made = await create(
      { reference_images: [dataUri(await picture())], prompt: 'a secret prompt' },
      { metadata: { order: 'secret-17' } },
    );
    const { id } = made.body;
    await finish(id);
    const [link] = (await generation(id)).output ?? [];
    expect((await fetch(link?.url ?? '')).status).toBe(200);
    expect((await remove(id)).status).toBe(202);
    expect((await fetch(link?.url ?? '')).status).toBe(410);
    await removal();
    expect(await generation(id)).toMatchObject({ status: 'succeeded', data_removed: true, input: null, output: null, metadata: {} });
    expect([(await remove(id)).status, (await remove(id)).status]).toEqual([204, 204]);
    expect(await objects(`/${id}/`)).toEqual([]);
    expect(await api().dataKey(id)).toBeNull();
    expect(((await (await fetch(link?.url ?? '')).json()) as Problem).code).toBe('data_expired');
  });

  it('ends what is queued at once, and what is at work with its worker', async () => {
    const queued = (await create({ reference_images: [dataUri(await picture())] })).body;
    const taken = await remove(queued.id);
    expect([taken.status, taken.body.status]).toEqual([202, 'canceled']);
    const busy = (await create({ reference_images: [dataUri(await picture())] })).body;
    const arrived = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const running = runNext(busy.id, async (context) => {
      await context.keep('face', { bytes: Buffer.from('a face'), contentType: 'image/png' });
      arrived.resolve();
      await goOn.promise;
      await working([])(context);
    });
    await arrived.promise;
    const stopping = await remove(busy.id);
    expect([stopping.status, stopping.body.status, stopping.body.data_removed]).toEqual([202, 'processing', false]);
    await removal();
    expect(await generation(busy.id)).toMatchObject({ status: 'processing', data_removed: false });
    goOn.resolve();
    expect(await running).toBe('canceled');
    await removal();
    expect(await generation(busy.id)).toMatchObject({ status: 'canceled', data_removed: true, input: null });
    expect(await objects(`/${busy.id}/`)).toEqual([]);
  });

  it('survives a store that is away, and a request that died before its cancel', async () => {
    const { id } = (await create({ reference_images: [dataUri(await picture())] })).body;
    await exec(api().db, sql`UPDATE generation SET removal_requested_at = now() WHERE id = ${id}`);
    await removal();
    expect(await generation(id)).toMatchObject({ status: 'canceled', data_removed: false });
    const away: SealedStore = { ...api().store, remove: () => Promise.reject(new Error('the store is away')) };
    await expect(removeRequested(api().db, away, 100)).rejects.toThrow('away');
    await removal();
    expect(await generation(id)).toMatchObject({ data_removed: true });
  });

  it('is refused for another tenant’s and for none', async () => {
    const { id } = (await create({ reference_images: [dataUri(await picture())] })).body;
    const other = await api().newTenant();
    expect((await remove<Problem>(id, { key: other.key })).body.code).toBe('not_found');
    expect((await remove<Problem>(newId('generation'))).status).toBe(404);
    expect(await generation(id)).toMatchObject({ status: 'queued', data_removed: false });
  });
});
