/** Many connections at once, and a walk at random over everything that can be done: the promises about ends hold in every order. */
import { LikenessError, type GenerationId, type StageId } from '@likeness/contracts';
import { exec, many, sql } from '@likeness/platform/db';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { FIRST_STAGE } from './flow.ts';
import type { ClaimedStage } from './generation.ts';
import { failStage, heartbeat, requestCancel, requeueStage, settleCancel } from './generation.store.ts';
import { reconcileCancels, reconcileDeadlines, reconcileLeases, reconcileUnknown } from './reconcile.ts';
import { useJourney } from './testing/journey.ts';

const journey = useJourney(20);
const blurred = new LikenessError('no_face_detected', 'No face was found.').toJobError(FIRST_STAGE);
const times = <T>(n: number, work: (i: number) => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: n }, (_, i) => work(i)));

/** What holds for a generation at any time: events without a gap, and one end at most, told once. */
async function expectConsistent(id: GenerationId) {
  const [generation, events, deliveries, stages, artifacts] = await Promise.all([
    journey().generation(id),
    journey().events(id),
    journey().deliveries(id),
    journey().stages(id),
    journey().artifacts(id),
  ]);
  const ended = generation['completed_at'] === null ? 0 : 1;
  expect(events.map(({ sequence }) => sequence)).toEqual(Array.from({ length: generation.sequence }, (_, i) => i + 1));
  expect(events.filter(({ type }) => type === 'completed')).toHaveLength(ended);
  const completed = deliveries.filter(({ type }) => type === 'generation.completed');
  expect(completed).toHaveLength(generation['webhook_url'] === null ? 0 : ended);
  for (const { id: delivery, sequence, body } of completed) {
    expect([sequence, body.data.sequence, body.data.status]).toEqual([generation.sequence, generation.sequence, generation.status]);
    expect(await journey().messages(delivery)).toHaveLength(1);
  }
  const succeeded = stages.filter(({ status }) => status === 'succeeded').map(({ name }) => name);
  expect(new Set(artifacts.map(({ stage }) => stage))).toEqual(new Set(succeeded));
  if (ended) expect(stages.filter(({ status }) => status === 'queued' || status === 'processing')).toEqual([]);
  return generation;
}

describe('at the same moment', () => {
  it('one of twenty workers gets the stage', async () => {
    for (let round = 0; round < 5; round++) {
      const { id, stageId } = await journey().create();
      const claims = await times(20, () => journey().claim(stageId));
      expect(claims.filter((claim) => claim !== null)).toHaveLength(1);
      await journey().lapse(stageId);
      const again = await times(20, () => journey().claim(stageId));
      expect(again.flatMap((claim) => claim?.attempt ?? [])).toEqual([2]);
      await expectConsistent(id);
    }
  });

  it('one of two workers with the same message and the same attempt completes it', async () => {
    const { id, stageId } = await journey().create();
    const stage = await journey().claimed(stageId);
    expect((await times(2, () => journey().complete(stage))).sort()).toEqual([false, true]);
    expect(await journey().stages(id)).toHaveLength(2);
    await expectConsistent(id);
  });

  it('a last stage is completed or its generation canceled, never both', async () => {
    const ends: string[] = [];
    for (let batch = 0; batch < 5; batch++) {
      const ready = await times(10, async () => {
        const created = await journey().create();
        return journey().claimed(await journey().advanceTo('sample', created));
      });
      await Promise.all(
        ready.map(async (stage, i) => {
          const complete = async () => (await journey().complete(stage)) || settleCancel(journey().db, stage.generation_id, stage);
          const cancel = () => requestCancel(journey().db, journey().tenantId, stage.generation_id);
          await Promise.all(i % 2 === 0 ? [complete(), cancel()] : [cancel(), complete()]);
          const { status, images, cancel_requested_at: asked } = await expectConsistent(stage.generation_id);
          expect([status, images, asked]).toEqual(status === 'succeeded' ? ['succeeded', 2, null] : ['canceled', 0, expect.any(Date)]);
          ends.push(status);
        }),
      );
    }
    expect(ends).toHaveLength(50);
  });

  it('an earlier stage is completed and a cancel ends what follows, or the cancel was first', async () => {
    await times(20, async (i) => {
      const { id, stageId } = await journey().create();
      const stage = await journey().claimed(stageId);
      const complete = async () => (await journey().complete(stage)) || settleCancel(journey().db, id, stage);
      const cancel = () => requestCancel(journey().db, journey().tenantId, id);
      await Promise.all(i % 2 === 0 ? [complete(), cancel()] : [cancel(), complete()]);
      expect((await expectConsistent(id)).status).toBe('canceled');
    });
  });

  it('a stage is begun or its generation canceled, and a claim that was first hears of the cancel', async () => {
    await times(20, async (i) => {
      const { id, stageId } = await journey().create();
      const claim = () => journey().claim(stageId);
      const cancel = () => requestCancel(journey().db, journey().tenantId, id);
      const [stage] = i % 2 === 0 ? await Promise.all([claim(), cancel()]) : (await Promise.all([cancel(), claim()])).toReversed();
      if (typeof stage === 'object' && stage !== null) {
        expect(await heartbeat(journey().db, stage, null)).toMatchObject({ cancel_requested: true });
        expect(await settleCancel(journey().db, id, stage)).toBe(true);
      }
      expect((await expectConsistent(id)).status).toBe('canceled');
    });
  });

  it('a lapsed stage is completed by its worker or put back, never both', async () => {
    const lapsed = await times(20, async () => {
      const created = await journey().create();
      const stage = await journey().claimed(await journey().advanceTo('sample', created));
      await journey().lapse(stage.id);
      return stage;
    });
    const [completed] = await Promise.all([
      Promise.all(lapsed.map((stage) => journey().complete(stage))),
      reconcileLeases(journey().db),
      reconcileLeases(journey().db),
    ]);
    for (const [i, stage] of lapsed.entries()) {
      expect((await expectConsistent(stage.generation_id)).status).toBe(completed[i] ? 'succeeded' : 'processing');
      expect((await journey().stage(stage.id)).status).toBe(completed[i] ? 'succeeded' : 'queued');
      // Put back once, however many have looked: its first message was never relayed here.
      expect(await journey().messages(stage.id)).toHaveLength(completed[i] ? 1 : 2);
    }
  });

  it('two workers with the same message take turns, and one result counts', async () => {
    const { id, stageId } = await journey().create();
    const worker = async () => {
      const stage = await journey().claim(stageId);
      return stage !== null && journey().complete(stage);
    };
    expect((await Promise.all([worker(), worker()])).sort()).toEqual([false, true]);
    expect(await journey().artifacts(id)).toHaveLength(3);
    await expectConsistent(id);
  });
});

describe('a walk at random', () => {
  const GENERATIONS = 20;
  const ACTORS = 6;
  const STEPS = 60; // of each actor

  it.each([1, 2, 3])('ends every generation once and loses none (seed %i)', async (seed) => {
    await watchEnds();
    const sent: string[] = [];
    const made = await times(GENERATIONS, (i) =>
      journey().create({ webhook: i % 4 !== 0, events: ['started', 'progress', 'completed'], ...(i % 5 === 0 && { deadline: 60 }) }),
    );
    await times(ACTORS, (actor) =>
      walk(
        randomFrom(seed * 100 + actor),
        sent,
        made.map(({ id }) => id),
      ),
    );
    for (const { id } of made) await expectConsistent(id);
    await expectNothingLost();
    expect(new Set(sent).size).toBe(sent.length); // the queue would have dropped the second

    await finish(made.map(({ id }) => id));
    for (const { id } of made) expect((await expectConsistent(id))['completed_at']).toBeInstanceOf(Date);
    const ends = await many(
      journey().db,
      z.object({ id: z.string(), then: z.unknown(), now: z.unknown() }),
      sql`SELECT ended.id, ended.row AS then, to_jsonb(g) AS now FROM ended JOIN generation g USING (id)`,
    );
    const own = ends.filter(({ id }) => made.some((other) => other.id === id));
    expect(own).toHaveLength(GENERATIONS);
    for (const { then, now } of own) expect(now).toEqual(then);
  });

  /** Keeps each generation as it was at the moment of its end. */
  const watchEnds = () =>
    journey().db.pool.query(`
      CREATE TABLE IF NOT EXISTS ended (id text PRIMARY KEY, row jsonb NOT NULL);
      CREATE OR REPLACE FUNCTION keep_end() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN INSERT INTO ended VALUES (NEW.id, to_jsonb(NEW)); RETURN NULL; END $$;
      CREATE OR REPLACE TRIGGER ends AFTER UPDATE ON generation FOR EACH ROW
        WHEN (OLD.completed_at IS NULL AND NEW.completed_at IS NOT NULL) EXECUTE FUNCTION keep_end();`);

  /** One actor: a worker that forgets, answers late and repeats itself, clients that cancel, a dispatcher that looks, time that passes. */
  async function walk(random: () => number, sent: string[], ids: readonly GenerationId[]): Promise<void> {
    const { db, tenantId } = journey();
    const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)];
    const held: ClaimedStage[] = []; // also what was lost or done long ago
    const withStage = async (work: (stage: ClaimedStage) => Promise<unknown>) => {
      const stage = random() < 0.8 ? held.at(-1) : pick(held);
      if (stage) await work(stage);
    };
    const withId = async (work: (id: GenerationId) => Promise<unknown>) => {
      const id = pick(ids);
      if (id) await work(id);
    };
    const claim = (id: GenerationId) =>
      journey()
        .stages(id)
        .then((stages) => journey().claim(stages.at(-1)?.id as StageId))
        .then((stage) => stage && held.push(stage));
    const actions: [weight: number, act: () => Promise<unknown>][] = [
      [30, () => withId(claim)],
      [30, () => withStage((stage) => journey().complete(stage))],
      [12, () => withStage((stage) => heartbeat(db, stage, random() < 0.3 ? null : { step: Math.floor(random() * 4), total: 4 }))],
      [5, () => withStage((stage) => requeueStage(db, stage, { keepsTry: stage.attempt >= stage.max_attempts || random() < 0.5 }))],
      [1, () => withStage((stage) => failStage(db, stage, blurred))],
      [4, () => withStage((stage) => settleCancel(db, stage.generation_id, stage))],
      [2, () => withId((id) => requestCancel(db, tenantId, id))],
      [5, () => withStage((stage) => journey().lapse(stage.id))],
      [
        2,
        () =>
          withId((id) =>
            exec(db, sql`UPDATE generation SET deadline_at = now() WHERE id = ${id} AND deadline_at IS NOT NULL AND completed_at IS NULL`),
          ),
      ],
      [4, () => reconcileLeases(db)],
      [3, () => reconcileCancels(db)],
      [3, () => reconcileDeadlines(db)],
      [3, () => reconcileUnknown(db, () => Promise.resolve(random() < 0.5))],
      [5, async () => sent.push(...(await journey().relay(random() < 0.5 ? 0 : 31)))],
    ];
    const total = actions.reduce((sum, [weight]) => sum + weight, 0);
    for (let step = 0; step < STEPS; step++) {
      let at = random() * total;
      const [, act] = actions.find(([weight]) => (at -= weight) < 0) ?? actions[0]!;
      await act();
    }
  }

  /** Every waiting stage has a message on its way, or reconciliation will find that it has none. */
  async function expectNothingLost(): Promise<void> {
    const lost = sql`
      SELECT FROM stage WHERE status = 'queued' AND enqueued_at IS NULL AND NOT EXISTS (SELECT FROM outbox WHERE outbox.ref_id = stage.id)`;
    expect(await exec(journey().db, lost)).toBe(0);
  }

  /** What the dispatcher and one good worker make of it. */
  async function finish(ids: readonly GenerationId[]): Promise<void> {
    const { db } = journey();
    await exec(db, sql`UPDATE stage SET lease_until = now() - interval '1 second' WHERE status = 'processing'`);
    await reconcileCancels(db);
    await reconcileDeadlines(db);
    await reconcileLeases(db);
    for (const id of ids) {
      for (;;) {
        const waiting = (await journey().stages(id)).find(({ status }) => status === 'queued');
        const stage = waiting && (await journey().claim(waiting.id));
        if (!stage) break;
        await journey().complete(stage);
      }
    }
  }
});

/** mulberry32: the same numbers for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
