import { LikenessError } from '@likeness/contracts';
import { exec, sql } from '@likeness/platform/db';
import { beforeEach, describe, expect, it } from 'vitest';
import { failStage, heartbeat, requestCancel, requeueStage } from './generation.store.ts';
import { reconcileCancels, reconcileDeadlines, reconcileLeases, reconcileUnknown } from './reconcile.ts';
import { useJourney, type NewGeneration } from './testing/journey.ts';

const journey = useJourney();
beforeEach(async () => {
  await exec(journey().db, sql`TRUNCATE generation CASCADE`);
  await exec(journey().db, sql`TRUNCATE outbox`);
});
const start = async (options: NewGeneration = {}) => {
  const created = await journey().create(options);
  await journey().relay();
  return { ...created, stage: await journey().claimed(created.stageId) };
};

describe('a worker that has gone', () => {
  it('loses its stage to the next, with the reason kept', async () => {
    const { id, stageId, stage } = await start();
    expect(await reconcileLeases(journey().db)).toBe(0);
    await journey().lapse(stageId);
    expect(await reconcileLeases(journey().db)).toBe(1);
    expect(await journey().stage(stageId)).toMatchObject({
      status: 'queued',
      error: { code: 'worker_lost', stage: 'parse', detail: 'The worker was lost in attempt 1 of 3 of the stage parse.' },
    });
    expect(await journey().messages(stageId)).toMatchObject([{ job: 'parse-face', n: 2 }]);
    expect(await journey().generation(id)).toMatchObject({ status: 'processing', error: null });
    expect(await reconcileLeases(journey().db)).toBe(0);
    expect(await journey().complete(stage)).toBe(false);
    expect((await journey().claimed(stageId)).attempt).toBe(2);
  });

  it('ends the generation when that was the last try', async () => {
    const { id, stageId } = await start();
    for (let attempt = 1; attempt < 3; attempt++) {
      await journey().lapse(stageId);
      await reconcileLeases(journey().db);
      await journey().claimed(stageId);
    }
    await journey().lapse(stageId);
    await reconcileLeases(journey().db);
    expect(await journey().generation(id)).toMatchObject({ status: 'failed', error: { code: 'worker_lost', stage: 'parse' } });
    expect(await journey().stage(stageId)).toMatchObject({ status: 'failed', attempt: 3 });
    expect(await journey().deliveries(id)).toMatchObject([
      { type: 'generation.completed', body: { data: { error: { code: 'worker_lost' } } } },
    ]);
  });

  it('lets a cancel come to its end', async () => {
    const { id, stageId } = await start();
    await requestCancel(journey().db, journey().tenantId, id);
    await journey().lapse(stageId);
    await reconcileLeases(journey().db);
    expect(await journey().generation(id)).toMatchObject({ status: 'canceled', error: null });
  });
});

describe('the deadline', () => {
  it('expires, cancels or leaves alone, by what each generation is at', async () => {
    const [queued, busy, waiting, early] = [
      await journey().create({ deadline: -1 }),
      await start({ deadline: 60 }),
      await journey().create({ deadline: 60 }),
      await start({ deadline: 60 }),
    ];
    await journey().advanceTo('embed', waiting);
    await journey().set(busy.id, 'deadline_at', -1);
    await journey().set(waiting.id, 'deadline_at', -1);
    expect(await reconcileDeadlines(journey().db)).toBe(3);
    expect(await journey().generation(queued.id)).toMatchObject({
      status: 'expired',
      error: { code: 'deadline_exceeded', stage: 'parse' },
    });
    expect(await journey().generation(waiting.id)).toMatchObject({
      status: 'canceled',
      error: { code: 'deadline_exceeded', stage: 'embed' },
    });
    expect(await journey().generation(busy.id)).toMatchObject({ status: 'processing', stage: 'parse' });
    expect(await heartbeat(journey().db, busy.stage, null)).toMatchObject({ cancel_requested: true });
    expect(await heartbeat(journey().db, early.stage, null)).toMatchObject({ cancel_requested: false });
    expect(await reconcileDeadlines(journey().db)).toBe(0);
  });
});

describe('a cancel that nobody has honoured', () => {
  it('is left to the worker for its time, then forced', async () => {
    const { id, stage } = await start();
    await requestCancel(journey().db, journey().tenantId, id);
    await journey().set(id, 'cancel_requested_at', -14);
    expect(await reconcileCancels(journey().db)).toBe(0);
    expect(await journey().generation(id)).toMatchObject({ status: 'processing' });
    await journey().set(id, 'cancel_requested_at', -16);
    expect(await reconcileCancels(journey().db)).toBe(1);
    expect(await journey().generation(id)).toMatchObject({ status: 'canceled' });
    expect(await heartbeat(journey().db, stage, null)).toBeNull();
    expect(await reconcileCancels(journey().db)).toBe(0);
  });

  it('is done at once when the worker has put the stage back', async () => {
    const { id, stageId, stage } = await start();
    await requestCancel(journey().db, journey().tenantId, id);
    await requeueStage(journey().db, stage);
    expect(await journey().claim(stageId)).toBeNull();
    expect(await reconcileCancels(journey().db)).toBe(1);
    expect(await journey().generation(id)).toMatchObject({ status: 'canceled' });
    expect(await journey().messages(stageId)).toEqual([]);
  });
});

describe('a queue that has forgotten', () => {
  const nothing = () => Promise.resolve(false);

  it('is told again of what was sent to it a while ago', async () => {
    const [lost, known, recent] = [await journey().create({ priority: 'high' }), await journey().create(), await journey().create()];
    await journey().relay(31);
    await exec(journey().db, sql`UPDATE stage SET enqueued_at = now() - interval '29 seconds' WHERE id = ${recent.stageId}`);
    const asked: string[] = [];
    const knows = (queue: string, jobId: string) => Promise.resolve((asked.push(`${queue} ${jobId}`), jobId === `${known.stageId}-1`));
    expect(await reconcileUnknown(journey().db, knows)).toBe(1);
    expect(asked.sort()).toEqual([`parsing ${lost.stageId}-1`, `parsing ${known.stageId}-1`].sort());
    expect(await journey().messages(lost.stageId)).toMatchObject([
      { job: 'parse-face', queue: 'parsing', n: 2, priority: 'high', delay: 0 },
    ]);
    expect([await journey().messages(known.stageId), await journey().messages(recent.stageId)]).toEqual([[], []]);
    expect(await reconcileUnknown(journey().db, knows)).toBe(0);
    await journey().relay();
    expect(await journey().stage(lost.stageId)).toMatchObject({ status: 'queued', enqueued: 2 });
    expect((await journey().claimed(lost.stageId)).attempt).toBe(1);
  });

  it('is asked for nothing that is at work, over, or still in the outbox', async () => {
    const [busy, over] = [await start(), await start()];
    await exec(journey().db, sql`UPDATE stage SET enqueued_at = now() - interval '1 minute'`);
    await failStage(journey().db, over.stage, new LikenessError('no_face_detected', 'No face was found.').toJobError('parse'));
    await journey().create();
    expect(await reconcileUnknown(journey().db, nothing)).toBe(0);
    expect(await journey().messages(busy.stageId)).toEqual([]);
  });
});
