import { LikenessError, newId, type StageId } from '@likeness/contracts';
import { exec, json, many, sql } from '@likeness/platform/db';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { writeArtifact } from './artifacts.ts';
import { requestCancel } from './generation.store.ts';
import { checkHandlers, type StageContext, type StageWork } from './run-stage.ts';
import { useJourney, vault, type Created } from './testing/journey.ts';
import { bytes, keepAll, untilAborted, useRuns } from './testing/runs.ts';

const journey = useJourney();
const runs = useRuns(journey);
const run = (stageId: StageId, work: StageWork, shutdown?: AbortSignal) => runs().run(stageId, work, shutdown && { shutdown });
const keysOf = (id: string) => runs().keysOf(id);

describe('a stage that does its work', () => {
  it('leaves its artifacts under keys of its attempt, and the next stage', async () => {
    const { id, stageId } = await journey().create();
    const outcome = await run(stageId, async (context) => {
      await keepAll(context);
      context.warn('no_face_detector');
    });
    expect(outcome).toBe('completed');
    expect(await journey().generation(id)).toMatchObject({ status: 'processing', stage: 'embed', warnings: ['no_face_detector'] });
    expect(await keysOf(id)).toEqual(
      ['face-0', 'label-map-0', 'reference-0', 'regions-0', 'regions-1'].map((name) => `t/${journey().tenantId}/${id}/parse/1/${name}`),
    );
    const embed = await journey().advanceTo('embed', { id, stageId });
    let read: string[] = [];
    await run(embed, async ({ load, loadAll, keep }) => {
      read = [await load('face'), ...(await loadAll('regions'))].map((artifact) => Buffer.from(artifact.bytes).toString());
      await keep('identity', bytes('identity'));
    });
    expect(read).toEqual(['face', 'eyes', 'mouth']);
  });

  it('keeps several artifacts at once, in order, and none when one of them cannot be kept', async () => {
    const { id, stageId } = await journey().create();
    const pictures = ['face', 'eyes', 'mouth'].map(bytes);
    const store = runs().refusing('regions-1', 1, new LikenessError('storage_unavailable', 'The store is away.'));
    const work: StageWork = async ({ keep }) => {
      await keep('regions', pictures);
      for (const name of ['reference', 'face', 'label-map']) await keep(name, bytes(name));
    };
    const tryIt = () => runs().run(stageId, work, { store });
    expect(await tryIt()).toBe('will_retry');
    expect(await keysOf(id)).toEqual([]);
    expect(await tryIt()).toBe('completed');
    const embed = await journey().advanceTo('embed', { id, stageId });
    let read: string[] = [];
    await run(embed, async ({ loadAll, keep }) => {
      read = (await loadAll('regions')).map((region) => Buffer.from(region.bytes).toString());
      await keep('identity', bytes('identity'));
    });
    expect(read).toEqual(['face', 'eyes', 'mouth']);
  });

  it('shows its progress while it works, and renews its lease', async () => {
    const { id, stageId } = await journey().create();
    const outcome = await run(stageId, async (context) => {
      context.progress({ step: 3, total: 20 });
      await expect.poll(async () => (await journey().generation(id))['progress'], { timeout: 3_000 }).toEqual({ step: 3, total: 20 });
      await exec(journey().db, sql`UPDATE stage SET lease_until = now() + interval '1 second' WHERE id = ${stageId}`);
      const lease = async () => Number((await journey().stages(id))[0]?.['lease_until']) - Date.now();
      await expect.poll(lease, { timeout: 5_000 }).toBeGreaterThan(4_000);
      await keepAll(context);
    });
    expect(outcome).toBe('completed');
  });

  it('is nothing to do for the second who gets the message', async () => {
    const { stageId } = await journey().create();
    const second: string[] = [];
    await run(stageId, async (context) => {
      second.push(await run(stageId, keepAll));
      await keepAll(context);
    });
    expect([...second, await run(stageId, keepAll)]).toEqual(['nothing_to_do', 'nothing_to_do']);
  });
});

describe('a cancel in mid-work', () => {
  const workUntilAborted = async (context: StageContext) => {
    await context.keep('face', bytes('face'));
    await untilAborted(context);
  };

  it('is heard by the signal, and leaves no object behind', async () => {
    const { id, stageId } = await journey().create();
    const running = run(stageId, workUntilAborted);
    await expect.poll(() => keysOf(id)).toHaveLength(1);
    await requestCancel(journey().db, journey().tenantId, id);
    const asked = performance.now();
    runs().signals.publish('cancel', id);
    expect(await running).toBe('canceled');
    expect(performance.now() - asked).toBeLessThan(1_500);
    expect(await journey().generation(id)).toMatchObject({ status: 'canceled' });
    expect(await keysOf(id)).toEqual([]);
  });

  it('is heard by the heartbeat when the signal is lost', async () => {
    const { id, stageId } = await journey().create();
    const running = run(stageId, workUntilAborted);
    await expect.poll(() => keysOf(id)).toHaveLength(1);
    await requestCancel(journey().db, journey().tenantId, id);
    expect(await running).toBe('canceled');
    expect(await journey().generation(id)).toMatchObject({ status: 'canceled' });
    expect(await keysOf(id)).toEqual([]);
  });

  it('that comes when the work is done still wins over the completion', async () => {
    const { id, stageId } = await journey().create();
    const outcome = await run(stageId, async (context) => {
      await keepAll(context);
      await requestCancel(journey().db, journey().tenantId, id);
    });
    expect(outcome).toBe('canceled');
    expect(await keysOf(id)).toEqual([]);
  });

  it('that comes before the work fails wins over the error', async () => {
    const { id, stageId } = await journey().create();
    const outcome = await run(stageId, async () => {
      await requestCancel(journey().db, journey().tenantId, id);
      throw new LikenessError('no_face_detected', 'There is no face.');
    });
    expect(outcome).toBe('canceled');
    expect(await journey().generation(id)).toMatchObject({ status: 'canceled', error: null });
  });
});

describe('an error', () => {
  it.each([
    ['a mishap, a little later each time, three times in all', 'worker_lost', [0, 1, 2]],
    ['an outage, much later each time, for five minutes', 'storage_unavailable', [0, 5, 10, 20, 40, 60, 60, 60, 60]],
  ] as const)('that may pass puts the stage back: %s', async (_what, code, delays) => {
    const { id, stageId } = await journey().create();
    const passing = async ({ keep }: StageContext) => {
      await keep('face', bytes('face'));
      throw new LikenessError(code, 'This may pass.');
    };
    for (let attempt = 1; attempt < delays.length; attempt++) {
      expect(await run(stageId, passing)).toBe('will_retry');
      expect(await journey().stage(stageId)).toMatchObject({ status: 'queued', attempt, error: { code } });
      expect(await journey().generation(id)).toMatchObject({ status: 'processing', error: null });
      expect((await journey().messages(stageId)).map(({ delay }) => delay)).toEqual(delays.slice(0, attempt + 1));
      expect(await keysOf(id)).toEqual([]);
    }
    expect(await run(stageId, passing)).toBe('failed');
    expect(await journey().messages(stageId)).toHaveLength(delays.length);
    expect(await journey().generation(id)).toMatchObject({
      status: 'failed',
      error: { code, stage: 'parse', retryable: true },
    });
  });

  it('that stays fails the generation at once, with the code and the message of the model library', async () => {
    const { id, stageId } = await journey().create();
    const error = Object.assign(new Error('The file is cut off after 100 bytes.'), { code: 'image_unreadable' });
    expect(await run(stageId, () => Promise.reject(error))).toBe('failed');
    expect(await journey().generation(id)).toMatchObject({ status: 'failed', error: { code: 'image_unreadable', detail: error.message } });
  });

  it('that nobody foresaw is `internal`, and its text stays in the log', async () => {
    const { id, stageId } = await journey().create();
    for (let attempt = 1; attempt <= 3; attempt++) await run(stageId, () => Promise.reject(new TypeError('secret is not a function')));
    const { error, status } = (await journey().generation(id)) as { error?: { code: string; detail: string }; status: string };
    expect({ status, code: error?.code }).toEqual({ status: 'failed', code: 'internal' });
    expect(error?.detail).not.toContain('secret');
  });
});

describe('a worker that has to let go', () => {
  it('hears within a heartbeat that another one has taken over, and removes only what is its own', async () => {
    const { id, stageId } = await journey().create();
    const outcome = await run(stageId, async (context) => {
      await context.keep('face', bytes('mine'));
      await journey().lapse(stageId);
      const other = await journey().claimed(stageId);
      await writeArtifact(runs().store, other, 'face', 0, bytes('theirs'));
      await untilAborted(context);
    });
    expect(outcome).toBe('lost');
    expect(await keysOf(id)).toEqual([`t/${journey().tenantId}/${id}/parse/2/face-0`]);
  });

  it('writes nothing when another one has taken over', async () => {
    const { id, stageId } = await journey().create();
    let before: unknown;
    const outcome = await run(stageId, async (context) => {
      await context.keep('face', bytes('mine'));
      await journey().lapse(stageId);
      await journey().claimed(stageId);
      before = await journey().everything(id);
      await keepAll(context);
    });
    expect(outcome).toBe('lost');
    expect(await journey().everything(id)).toEqual(before);
    expect(await journey().stage(stageId)).toMatchObject({ status: 'processing', attempt: 2 });
  });

  it('hands the stage back on shutdown, and the attempt does not count', async () => {
    const { id, stageId } = await journey().create();
    const shutdown = new AbortController();
    const running = run(stageId, untilAborted, shutdown.signal);
    await expect.poll(async () => (await journey().generation(id)).status).toBe('processing');
    shutdown.abort();
    expect(await running).toBe('handed_back');
    expect(await journey().stage(stageId)).toMatchObject({ status: 'queued', attempt: 1, max_attempts: 4, error: null });
    expect((await journey().messages(stageId)).at(-1)).toMatchObject({ n: 2, delay: 0 });
  });
});

describe('a result that the generations of a subject share', () => {
  /** Generations of one new subject, and who of them was parsed. */
  const generationsOf = async (count: number) => {
    const { db, tenantId } = journey();
    const subject = newId('subject');
    const references = json([{ object_key: 'r', content_type: 'image/png', size: 1, sha256: 'ab' }]);
    await exec(db, sql`INSERT INTO subject (id, tenant_id, reference_images) VALUES (${subject}, ${tenantId}, ${references}::jsonb)`);
    await exec(db, sql`INSERT INTO data_key (id, tenant_id, wrapped) VALUES (${subject}, ${tenantId}, ${vault.newKey()})`);
    const generations = await Promise.all(Array.from({ length: count }, () => journey().create()));
    const ids = generations.map(({ id }) => id);
    await exec(
      db,
      sql`UPDATE generation SET subject_id = ${subject}, input = input || '{"facial_regions": []}' WHERE id = ANY (${ids}::text[])`,
    );
    const parsed: string[] = [];
    const parse = async ({ id, stageId }: Created) => {
      expect(await run(stageId, (context) => (parsed.push(id), keepAll(context)))).toBe('completed');
    };
    return { subject, generations, parsed, parse };
  };
  const loseFace = async ({ id }: Created) => runs().store.remove((await keysOf(id)).filter((key) => key.endsWith('/face-0')));

  it('is made anew after one of its objects was lost', async () => {
    const { generations, parsed, parse } = await generationsOf(3);
    const [first, second, third] = generations as [Created, Created, Created];
    await parse(first);
    await parse(second);
    expect(parsed).toEqual([first.id]);
    await loseFace(first);
    const embed = await journey().advanceTo('embed', second);
    expect(await run(embed, async ({ load }) => void (await load('face')))).toBe('will_retry');
    await parse(third);
    expect(parsed).toEqual([first.id, third.id]);
  });

  it('stays to be counted by an erasure that has begun while a stage was at work', async () => {
    const { subject, generations, parse } = await generationsOf(1);
    const [only] = generations as [Created];
    await parse(only);
    const embed = await journey().advanceTo('embed', only);
    await run(embed, async ({ load }) => {
      await exec(journey().db, sql`DELETE FROM data_key WHERE id = ${subject}`);
      await loseFace(only);
      await load('face');
    });
    const entries = await many(
      journey().db,
      z.object({ stage: z.string() }),
      sql`SELECT stage FROM cache_entry WHERE subject_id = ${subject}`,
    );
    expect(entries).toEqual([{ stage: 'parse' }]);
  });
});

describe('checkHandlers', () => {
  it.each([
    ['none', []],
    ['a strange one', ['parse-face', 'sample-portrait']],
    ['one twice', ['parse-face', 'parse-face']],
  ])('stops the boot for %s', (_, handled) => {
    expect(() => checkHandlers(['parse'], handled)).toThrow('exactly one handler');
  });

  it('is content with one for each job', () => expect(() => checkHandlers(['parse'], ['parse-face'])).not.toThrow());
});
