/** What is removed, by an erasure and by hand, and that nothing of it is left. */
import { createHash } from 'node:crypto';
import { newId, type Generation, type Problem } from '@likeness/contracts';
import { claimStage, completeStage, continueErasures, eraseExpired, removeRequested, settleCancel } from '@likeness/generation';
import { exec, many, sql } from '@likeness/platform/db';
import type { SealedStore } from '@likeness/platform/storage';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { picture, type CallOptions } from '../testing/api.ts';
import { useSubjects } from '../testing/subjects.ts';

const { api, dataUri, subject, create, generation, receipt, erase, waiting, working, runNext, finish, objects, round, timePasses } =
  useSubjects();

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
