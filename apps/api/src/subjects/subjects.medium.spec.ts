/** Subjects through the API; stages and the dispatcher's rounds are driven by hand, so that every order of events can be had. */
import { createHash } from 'node:crypto';
import { newId, type Generation, type Problem, type Subject, type SubjectList } from '@likeness/contracts';
import { removeRequested } from '@likeness/generation';
import { many, sql } from '@likeness/platform/db';
import type {} from '@likeness/platform/storage';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { picture } from '../testing/api.ts';
import { useSubjects } from '../testing/subjects.ts';

const { api, consent, dataUri, post, subject, create, generation, erase, finish, objects } = useSubjects();

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

  it('use what the first has found, whatever the prompt; not with other regions or another reading of the picture, nor of another subject', async () => {
    const { id } = await subject();
    const jobs = [];
    const inputs = [
      {},
      { prompt: 'in a forest', seed: 5, corrections: ['plain_negative'] },
      { facial_regions: ['nose'] },
      { corrections: ['pad_to_square'] },
    ];
    for (const input of inputs) jobs.push((await create({ subject: id, ...input })).body);
    const [first, second, third, corrected] = jobs as [Generation, Generation, Generation, Generation];
    expect(await finish(first.id)).toEqual(['parse', 'embed', 'sample']);
    expect(await finish(second.id)).toEqual(['sample']);
    expect(await finish(third.id)).toEqual(['parse', 'embed', 'sample']);
    expect(await finish(corrected.id)).toEqual(['parse', 'embed', 'sample']);
    const caches = await Promise.all([first, second, third].map(async (job) => (await generation(job.id)).cache));
    expect(caches).toEqual([
      { parse: false, embed: false },
      { parse: true, embed: true },
      { parse: false, embed: false },
    ]);
    const hits = await many(
      api().db,
      z.object({ cache_hits: z.number() }),
      sql`SELECT cache_hits FROM usage_entry ORDER BY id DESC LIMIT 4`,
    );
    expect(hits.map(({ cache_hits }) => cache_hits).reverse()).toEqual([0, 2, 0, 0]);
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
