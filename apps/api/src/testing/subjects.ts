/** Subjects through the API for the tests; stages and the dispatcher's rounds are driven by hand, so that every order of events can be had. */
import { newId, type Erasure, type Generation, type StageId, type Subject } from '@likeness/contracts';
import { continueErasures, runStage, type StageWork } from '@likeness/generation';
import { exec, one, sql } from '@likeness/platform/db';
import { openSignals, type Signals } from '@likeness/platform/signals';
import type {} from '@likeness/platform/storage';
import { createLogger } from '@likeness/platform/telemetry';
import { afterAll, beforeAll, expect } from 'vitest';
import { z } from 'zod';
import { picture, useApi, type CallOptions } from './api.ts';

/** With an API of its own for each test file. */
export function useSubjects() {
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
  return {
    api,
    log,
    consent,
    dataUri,
    post,
    subject,
    create,
    generation,
    receipt,
    erase,
    waiting,
    working,
    runNext,
    finish,
    objects,
    round,
    timePasses,
    signals: () => signals,
  };
}
