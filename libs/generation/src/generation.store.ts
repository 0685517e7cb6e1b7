/**
 * Every change of state is one statement of one shape, so that nothing is ever half done:
 *
 *   lock the generation → change the stage, if the fence still holds → change the generation → record, call, message, notify
 *
 * Claims and completions, which come by the thousand, take many at once: those of one moment travel together (`inBatches`), each
 * fenced for itself, the generations locked in the order of their ids so that two batches cannot wait for each other.
 *
 * The generation's row is locked first everywhere, which makes the changes of one generation follow each other; the fence
 * (attempt and status) is checked by the UPDATE of the stage, which sees what was committed while it waited for the lock.
 */
import type { GenerationId, JobError, StageId, TenantId, WorkerId } from '@likeness/contracts';
import { exec, inBatches, json, many, one, sql, type Db, type Sql } from '@likeness/platform/db';
import type { WrappedKey } from '@likeness/platform/storage';
import { z } from 'zod';
import { ClaimedStage, type Fence, type Progress, type SavedWork } from './generation.ts';
import {
  bytea,
  byId,
  called,
  deadlineExceeded,
  ending,
  halted,
  holds,
  inPlaces,
  jobOf,
  lease,
  leftBy,
  metered,
  notified,
  numbered,
  open,
  recorded,
  recordedAs,
  runs,
  seldom,
  toBeCanceled,
} from './statement-parts.ts';

const Id = z.object({ id: z.custom<GenerationId>() });
const changed = (db: Db, statement: Sql): Promise<boolean> => one(db, Id, statement).then((row) => row !== null);

interface Claim {
  readonly stageId: StageId;
  readonly workerId: WorkerId;
  readonly newKey: WrappedKey;
}

/**
 * Takes a stage for a worker and mints its attempt number. Null when there is nothing to do: done, canceled, past its deadline,
 * tried too often, held by a live lease, or its class is paused. The first claim of a generation without a subject also gives it its
 * data key, `newKey`. The first claim of a later stage changes nothing that anybody sees: the completion before it has shown the stage.
 */
export const claimStage = (db: Db, stageId: StageId, workerId: WorkerId, newKey: WrappedKey): Promise<ClaimedStage | null> =>
  claimInBatches(db, { stageId, workerId, newKey });

const claimInBatches = inBatches<Claim, ClaimedStage | null>(async (db, claims) => {
  const wanted = claims.map(({ stageId, workerId, newKey }, place) => ({
    place,
    stage_id: stageId,
    worker_id: workerId,
    new_key: bytea(newKey),
  }));
  const claimed = await many(
    db,
    ClaimedStage.extend({ place: z.number() }),
    sql`
    WITH wanted AS MATERIALIZED (
      SELECT w.*, (SELECT generation_id FROM stage WHERE id = w.stage_id) AS generation_id
        FROM jsonb_to_recordset(${json(wanted)}::jsonb) AS w (place int, stage_id text, worker_id text, new_key bytea)
    ), locked AS (
      SELECT id, subject_id, input, pack, deadline_at, traceparent FROM generation
       WHERE ${byId(sql`generation_id`)} AND status = ANY (${['queued', 'processing']})
         AND cancel_requested_at IS NULL AND ${open}
       ORDER BY id FOR UPDATE
    ), claimed AS (
      UPDATE stage s SET status = 'processing', attempt = attempt + 1, worker_id = wanted.worker_id, lease_until = ${lease}, started_at = now()
        FROM locked JOIN wanted ON wanted.generation_id = locked.id
       WHERE s.id = wanted.stage_id AND s.generation_id = locked.id AND attempt < max_attempts
         AND (status = ${'queued'} OR (status = ${'processing'} AND lease_until < now()))
         AND ${runs(sql`s.queue`)}
      RETURNING s.*, wanted.place, wanted.new_key
    ), moved AS (
      UPDATE generation g SET status = 'processing', stage = claimed.name, progress = NULL, sequence = sequence + 1,
                              started_at = coalesce(g.started_at, now())
        FROM claimed WHERE g.id = claimed.generation_id AND (g.status = 'queued' OR claimed.attempt > 1)
      RETURNING g.*, claimed.new_key
    ), keyed AS (
      INSERT INTO data_key (id, tenant_id, wrapped) SELECT id, tenant_id, new_key FROM moved WHERE subject_id IS NULL
      ON CONFLICT (id) DO NOTHING RETURNING id, wrapped
    ), ${recorded('status')}, ${called('started', sql`WHERE started_at = now()`)}, told AS (
      SELECT id, ${notified} FROM moved
    )
    SELECT c.place, c.id, c.generation_id, c.tenant_id, c.name, c.attempt, c.max_attempts, c.resume, g.subject_id, g.input, g.pack,
           (SELECT reference_images->0->>'sha256' FROM subject WHERE id = g.subject_id) AS reference_sha256,
           g.deadline_at, g.traceparent, coalesce(g.subject_id, g.id) AS data_key_id, coalesce(keyed.wrapped, known.wrapped) AS data_key,
           ${leftBy(sql`g.id`)} AS artifacts,
           pg_notify('claimed', c.queue), told.id AS told
      FROM claimed c JOIN locked g ON g.id = c.generation_id LEFT JOIN told ON told.id = g.id
      LEFT JOIN keyed ON keyed.id = g.id LEFT JOIN data_key known ON known.id = coalesce(g.subject_id, g.id)`,
  );
  return inPlaces(claims.length, claimed);
});

const Beat = z.object({ cancel_requested: z.boolean() });

/**
 * Renews the lease and shows the progress; a new preview is an event of its own, after that of the progress. Null: the lease is
 * lost, and with it the right to write anything.
 */
export const heartbeat = (db: Db, fence: Fence, progress: Progress | null): Promise<z.infer<typeof Beat> | null> =>
  one(
    db,
    Beat,
    sql`
    WITH locked AS (
      SELECT id, ${toBeCanceled} AS cancel_requested, coalesce(progress, '{}') || ${json(progress ?? {})}::jsonb AS shown,
             coalesce(${progress?.preview ?? null}::text <> coalesce(progress->>'preview', ''), false) AS previewed
        FROM generation WHERE id = ${fence.generation_id} AND status = 'processing' FOR UPDATE
    ), beaten AS (
      UPDATE stage s SET lease_until = ${lease} FROM locked WHERE ${holds(fence)} RETURNING s.generation_id
    ), moved AS (
      UPDATE generation g SET progress = shown, sequence = sequence + 1 + previewed::int
        FROM beaten JOIN locked ON locked.id = beaten.generation_id
       WHERE g.id = beaten.generation_id AND ${progress !== null}::boolean AND g.progress IS DISTINCT FROM shown
      RETURNING g.*, previewed
    ), ${recordedAs(sql`CASE WHEN previewed THEN ARRAY['progress', 'preview'] ELSE ARRAY['progress'] END`)}, ${called('progress', seldom)}
    SELECT locked.cancel_requested, (SELECT array_agg(pg_notify('generation', moved.id)::text) FROM moved) AS told
      FROM beaten JOIN locked ON locked.id = beaten.generation_id`,
  );

export interface Requeue {
  readonly error?: JobError | null;
  readonly delaySeconds?: number;
  /** The attempt does not count. */
  readonly keepsTry?: boolean;
  /** Where the next attempt begins; null: at the beginning; absent: where this one began. */
  readonly resume?: SavedWork | null;
}

/** Puts a stage back into the queue. False when the lease is lost. */
export const requeueStage = (
  db: Db,
  fence: Fence,
  { error = null, delaySeconds = 0, keepsTry = false, resume }: Requeue = {},
): Promise<boolean> =>
  changed(
    db,
    sql`
    WITH locked AS (
      SELECT id, priority FROM generation WHERE id = ${fence.generation_id} AND status = 'processing' FOR UPDATE
    ), waiting AS (
      UPDATE stage s SET status = 'queued', lease_until = NULL, worker_id = NULL, ${numbered}, error = ${error && json(error)}::jsonb,
                         max_attempts = max_attempts + ${keepsTry ? 1 : 0},
                         resume = CASE WHEN ${resume === undefined}::boolean THEN s.resume ELSE ${resume ? json(resume) : null}::jsonb END
        FROM locked WHERE ${holds(fence)} RETURNING s.*, locked.priority
    ), messaged AS (
      INSERT INTO outbox (job, queue, ref_id, n, tenant_id, priority, available_at)
      SELECT ${jobOf}, queue, id, enqueued, tenant_id, priority, now() + ${delaySeconds}::float8 * interval '1 second' FROM waiting
    ), moved AS (
      UPDATE generation g SET sequence = sequence + 1, progress = NULL FROM waiting WHERE g.id = waiting.generation_id RETURNING g.*
    ), ${recorded('status')}
    SELECT moved.id, ${notified}, pg_notify('outbox', waiting.queue) FROM moved, waiting`,
  );

/** The generation has failed with its stage. False when the lease is lost. */
export const failStage = (db: Db, fence: Fence, error: JobError): Promise<boolean> =>
  changed(
    db,
    sql`
    WITH locked AS (
      SELECT id FROM generation WHERE id = ${fence.generation_id} AND status = 'processing' FOR UPDATE
    ), halted AS (
      UPDATE stage s SET status = 'failed', completed_at = now(), lease_until = NULL, resume = NULL, error = ${json(error)}::jsonb
        FROM locked WHERE ${holds(fence)} RETURNING s.generation_id
    ), moved AS (
      UPDATE generation g SET sequence = sequence + 1, error = ${json(error)}::jsonb, ${ending('failed')}
        FROM halted WHERE g.id = halted.generation_id
      RETURNING g.*
    ), ${recorded('completed')}, ${metered}, ${called('completed')}
    SELECT id, ${notified} FROM moved`,
  );

/**
 * Asks for a cancel: from now on no stage can be claimed or completed. What no worker holds ends at once; a worker that holds a
 * stage ends it (`settleCancel` with its fence). True when this has ended it; false when it goes on, had ended, or was asked before.
 */
export async function requestCancel(db: Db, tenantId: TenantId, generationId: GenerationId): Promise<boolean> {
  const asked = await changed(
    db,
    sql`
    WITH moved AS (
      UPDATE generation SET cancel_requested_at = now(), sequence = sequence + 1
       WHERE id = ${generationId} AND tenant_id = ${tenantId} AND status IN ('queued', 'processing') AND cancel_requested_at IS NULL
      RETURNING *
    ), ${recorded('status')}
    SELECT id, ${notified} FROM moved`,
  );
  return asked && settleCancel(db, generationId, 'idle');
}

/**
 * Ends a generation whose cancel was asked for: by the worker that holds its stage (`Fence`), when no live lease is on it (`idle`), or
 * whatever a worker may still think (`forced`). False when it is not to be ended, or has ended already.
 */
export const settleCancel = (db: Db, generationId: GenerationId, by: Fence | 'idle' | 'forced'): Promise<boolean> => {
  const running = sql`EXISTS (SELECT FROM stage WHERE generation_id = ${generationId} AND status = 'processing' AND lease_until > now())`;
  const held = (fence: Fence) =>
    sql`EXISTS (SELECT FROM stage s WHERE s.id = ${fence.id} AND s.attempt = ${fence.attempt} AND s.status = 'processing')`;
  // Since the cancel was asked for nobody can claim or complete, so what these look at stands still.
  const allowed = by === 'forced' ? sql`true` : by === 'idle' ? sql`NOT ${running}` : held(by);
  return end(
    db,
    sql`id = ${generationId} AND status IN ('queued', 'processing') AND ${toBeCanceled} AND ${allowed}`,
    sql`cancel_requested_at = coalesce(cancel_requested_at, now()), ${ending('canceled')},
        error = CASE WHEN deadline_at <= coalesce(cancel_requested_at, now()) THEN ${deadlineExceeded} END`,
  );
};

/** Past its deadline before any worker began: expired. */
export const expire = (db: Db, generationId: GenerationId): Promise<boolean> =>
  end(db, sql`id = ${generationId} AND status = 'queued' AND deadline_at <= now()`, sql`error = ${deadlineExceeded}, ${ending('expired')}`);

/** Ends the generation that the condition allows, and whatever stage of it is not over. */
const end = (db: Db, condition: Sql, assignments: Sql): Promise<boolean> =>
  changed(
    db,
    sql`
    WITH locked AS (
      SELECT id FROM generation WHERE ${condition} FOR UPDATE
    ), ${halted}, moved AS (
      UPDATE generation g SET sequence = sequence + 1, ${assignments} FROM locked WHERE g.id = locked.id RETURNING g.*
    ), ${recorded('completed')}, ${metered}, ${called('completed')}
    SELECT id, ${notified} FROM moved`,
  );

/** Past its deadline while at work: a cancel like any other, whose end will have the reason. */
export const requestCancelForDeadline = (db: Db, generationId: GenerationId): Promise<boolean> =>
  changed(
    db,
    sql`
    WITH moved AS (
      UPDATE generation SET cancel_requested_at = now(), sequence = sequence + 1
       WHERE id = ${generationId} AND status = 'processing' AND deadline_at <= now() AND cancel_requested_at IS NULL
      RETURNING *
    ), ${recorded('status')}
    SELECT id, ${notified} FROM moved`,
  );

/** Sends a waiting stage to the queue once more: the queue has lost it. */
export const requeueUnknown = (db: Db, stageId: StageId): Promise<number> =>
  exec(
    db,
    sql`
    WITH waiting AS (
      UPDATE stage s SET ${numbered} FROM generation g
       WHERE s.id = ${stageId} AND g.id = s.generation_id AND s.status = 'queued' AND s.enqueued_at IS NOT NULL
      RETURNING s.*, g.priority
    ), messaged AS (
      INSERT INTO outbox (job, queue, ref_id, n, tenant_id, priority)
      SELECT ${jobOf}, queue, id, enqueued, tenant_id, priority FROM waiting
    )
    SELECT pg_notify('outbox', queue) FROM waiting`,
  );
