/**
 * Every change of state is one statement of one shape, so that nothing is ever half done:
 *
 *   lock the generation → change the stage, if the fence still holds → change the generation → record, call, message, notify
 *
 * The generation's row is locked first everywhere, which makes the changes of one generation follow each other; the fence
 * (attempt and status) is checked by the UPDATE of the stage, which sees what was committed while it waited for the lock.
 */
import {
  LikenessError,
  newId,
  type GenerationId,
  type JobError,
  type StageId,
  type StageName,
  type TenantId,
  type WorkerId,
} from '@likeness/contracts';
import { empty, exec, json, one, sql, type Db, type Sql } from '@likeness/platform/db';
import type { WrappedKey } from '@likeness/platform/storage';
import { z } from 'zod';
import { announced } from './announce.ts';
import { flow } from './flow.ts';
import { ClaimedStage, type Fence, type KeptArtifact, type Progress } from './generation.ts';

/** A worker that does not renew its lease within this time is taken for lost. Shorter than BullMQ's lock. */
export const LEASE_SECONDS = 8;
const lease = sql`now() + ${LEASE_SECONDS}::int * interval '1 second'`;

const Id = z.object({ id: z.custom<GenerationId>() });
const changed = (db: Db, statement: Sql): Promise<boolean> => one(db, Id, statement).then((row) => row !== null);

/**
 * Takes a stage for a worker and mints its attempt number. Null when there is nothing to do: done, canceled, past its deadline,
 * tried too often, or held by a live lease. The first claim of a generation without a subject also gives it its data key, `newKey`.
 */
export const claimStage = (db: Db, stageId: StageId, workerId: WorkerId, newKey: WrappedKey): Promise<ClaimedStage | null> =>
  one(
    db,
    ClaimedStage,
    sql`
    WITH locked AS (
      SELECT id FROM generation
       WHERE id = (SELECT generation_id FROM stage WHERE id = ${stageId}) AND status IN ('queued', 'processing')
         AND cancel_requested_at IS NULL AND (deadline_at IS NULL OR deadline_at > now())
         AND (subject_id IS NULL OR EXISTS (SELECT FROM data_key WHERE data_key.id = subject_id))
         FOR UPDATE
    ), claimed AS (
      UPDATE stage s SET status = 'processing', attempt = attempt + 1, worker_id = ${workerId}, lease_until = ${lease}, started_at = now()
        FROM locked
       WHERE s.id = ${stageId} AND s.generation_id = locked.id AND attempt < max_attempts
         AND (status = 'queued' OR (status = 'processing' AND lease_until < now()))
      RETURNING s.*
    ), moved AS (
      UPDATE generation g SET status = 'processing', stage = claimed.name, progress = NULL, sequence = sequence + 1,
                              started_at = coalesce(g.started_at, now())
        FROM claimed WHERE g.id = claimed.generation_id
      RETURNING g.*
    ), keyed AS (
      INSERT INTO data_key (id, tenant_id, wrapped) SELECT id, tenant_id, ${newKey} FROM moved WHERE subject_id IS NULL
      ON CONFLICT (id) DO NOTHING RETURNING wrapped
    ), ${recorded('status')}, ${called('started', sql`WHERE started_at = now()`)}
    SELECT claimed.id, claimed.generation_id, claimed.tenant_id, claimed.name, claimed.attempt, claimed.max_attempts,
           moved.input, moved.pack, moved.deadline_at, moved.traceparent, coalesce(subject_id, moved.id) AS data_key_id,
           coalesce((SELECT wrapped FROM keyed), (SELECT wrapped FROM data_key WHERE id = coalesce(subject_id, moved.id))) AS data_key,
           ${notified}, pg_notify('claimed', claimed.queue)
      FROM claimed JOIN moved ON moved.id = claimed.generation_id`,
  );

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

export interface StageResult {
  readonly artifacts: readonly KeptArtifact[];
  readonly warnings: readonly string[];
  /** Time that the inference process worked. */
  readonly gpuSeconds: number;
}

/**
 * All or nothing: the stage is done, its artifacts exist, and the next stage waits in the outbox or the generation has succeeded.
 * False when a cancel was asked for or the lease is lost: nothing was written.
 */
export function completeStage(db: Db, fence: Fence, name: StageName, { artifacts, warnings, gpuSeconds }: StageResult): Promise<boolean> {
  const { leaves, next } = flow[name];
  const missing = leaves.filter((wanted) => !artifacts.some((artifact) => artifact.name === wanted));
  if (missing.length > 0) throw new Error(`stage ${name} left no ${missing.join(', ')}`);
  const images = artifacts.filter((artifact) => artifact.name === 'images');
  const output = images.map(({ id, index, content_type, sha256 }) => ({ id, index, content_type, sha256 }));
  return changed(
    db,
    sql`
    WITH locked AS (
      SELECT id FROM generation WHERE id = ${fence.generation_id} AND status = 'processing' AND cancel_requested_at IS NULL FOR UPDATE
    ), done AS (
      UPDATE stage s SET status = 'succeeded', completed_at = now(), lease_until = NULL, error = NULL, gpu_seconds = ${gpuSeconds}
        FROM locked WHERE ${holds(fence)} RETURNING s.*
    ), kept AS (
      INSERT INTO artifact (id, generation_id, tenant_id, stage, name, index, object_key, data_key_id, content_type, size, sha256, detail)
      SELECT a.id, done.generation_id, done.tenant_id, done.name, a.name, a.index, a.object_key, a.data_key_id, a.content_type, a.size, a.sha256, a.detail
        FROM done, jsonb_to_recordset(${json(artifacts)}::jsonb)
             AS a (id text, name text, index int, object_key text, data_key_id text, content_type text, size int, sha256 text, detail jsonb)
    ), moved AS (
      UPDATE generation g SET sequence = sequence + 1, gpu_seconds = g.gpu_seconds + ${gpuSeconds}, images = ${images.length},
             warnings = ARRAY(SELECT DISTINCT unnest(g.warnings || ${[...warnings]}::text[])),
             ${next === null ? ending('succeeded') : sql`stage = ${next}, progress = NULL`}
        FROM done WHERE g.id = done.generation_id
      RETURNING g.*
    ), ${next === null ? sql`${recorded('completed')}, ${metered}, ${called('completed', empty, output)}` : sql`${recorded('status')}, ${queued(next)}`}
    SELECT id, ${notified} ${next === null ? empty : sql`, pg_notify('outbox', ${flow[next].queue})`} FROM moved`,
  );
}

/** Puts a stage back into the queue after `delaySeconds`. False when the lease is lost. `keepsTry`: the attempt does not count. */
export const requeueStage = (
  db: Db,
  fence: Fence,
  { error = null, delaySeconds = 0, keepsTry = false }: { error?: JobError | null; delaySeconds?: number; keepsTry?: boolean } = {},
): Promise<boolean> =>
  changed(
    db,
    sql`
    WITH locked AS (
      SELECT id, priority FROM generation WHERE id = ${fence.generation_id} AND status = 'processing' FOR UPDATE
    ), waiting AS (
      UPDATE stage s SET status = 'queued', lease_until = NULL, worker_id = NULL, ${numbered}, error = ${error && json(error)}::jsonb,
                         max_attempts = max_attempts + ${keepsTry ? 1 : 0}
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
      UPDATE stage s SET status = 'failed', completed_at = now(), lease_until = NULL, error = ${json(error)}::jsonb
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

// ---- The parts of the statements ------------------------------------------------------------------------------------------------

/** The fence: this attempt, still at work. `s` is the stage, `locked` the generation. */
function holds({ id, attempt, lapsed = false }: Fence): Sql {
  return sql`s.id = ${id} AND s.generation_id = locked.id AND s.attempt = ${attempt} AND s.status = 'processing'
             ${lapsed ? sql`AND s.lease_until < now()` : empty}`;
}

/** Assignments that end a generation. */
function ending(status: 'succeeded' | 'failed' | 'canceled' | 'expired'): Sql {
  return sql`status = ${status}, stage = NULL, progress = NULL, completed_at = now(), expires_at = now() + retention`;
}

/**
 * Ends whatever stage of the `locked` generation is not over, and takes its message back. One that the relay holds is on its way
 * already: waiting for it would hold the generation meanwhile and might deadlock; the claim will find nothing to do.
 */
const halted: Sql = sql`
    halted AS (
      UPDATE stage s SET status = 'canceled', completed_at = now(), lease_until = NULL
        FROM locked WHERE s.generation_id = locked.id AND s.status IN ('queued', 'processing')
      RETURNING s.id
    ), withdrawn AS (
      DELETE FROM outbox WHERE id IN (SELECT o.id FROM outbox o JOIN halted ON o.ref_id = halted.id FOR UPDATE OF o SKIP LOCKED)
    )`;

/** Somebody wants a generation under way to end: who asked for it, or its deadline. */
const toBeCanceled: Sql = sql`(cancel_requested_at IS NOT NULL OR (status = 'processing' AND coalesce(deadline_at <= now(), false)))`;

/** The error of a generation whose deadline has passed. */
const deadlineExceeded: Sql = sql`
  ${json(new LikenessError('deadline_exceeded', '').toJobError(null))}::jsonb || jsonb_build_object('stage', stage, 'detail',
    to_char(deadline_at AT TIME ZONE 'UTC', '"The deadline "YYYY-MM-DD"T"HH24:MI:SS.MS"Z passed before the end."'))`;

/** The event of what `moved` has become. */
const recorded = (type: 'status' | 'completed'): Sql => recordedAs(sql`ARRAY[${type}]`);

/** Several events of one change, by which the sequence has risen. */
function recordedAs(types: Sql): Sql {
  return sql`
    recorded AS (
      INSERT INTO event (generation_id, tenant_id, sequence, type, data)
      SELECT id, tenant_id, sequence - cardinality(${types}) + nth, type, jsonb_build_object('status', status, 'stage', stage, 'progress', progress)
        FROM moved, unnest(${types}) WITH ORDINALITY AS told (type, nth)
    )`;
}

/** What the generation that `moved` to its end has used. */
const metered: Sql = sql`
    metered AS (
      INSERT INTO usage_entry (tenant_id, day, status, images, gpu_seconds, cache_hits)
      SELECT tenant_id, (completed_at AT TIME ZONE 'UTC')::date, status, images, gpu_seconds, 0 FROM moved
    )`;

/** The next stage and its message. */
function queued(name: StageName): Sql {
  const { job, queue } = flow[name];
  const id = newId('stage');
  return sql`
    staged AS (
      INSERT INTO stage (id, generation_id, tenant_id, name, queue, status) SELECT ${id}, id, tenant_id, ${name}, ${queue}, 'queued' FROM moved
    ), messaged AS (
      INSERT INTO outbox (job, queue, ref_id, n, tenant_id, priority) SELECT ${job}, ${queue}, ${id}, 1, tenant_id, priority FROM moved
    )`;
}

/** A body stays below its 20 KB whatever a client had written into it. */
const METADATA_BYTES = 12_000;
const DETAIL_CHARACTERS = 1_000;
const PROGRESS_EVERY_MS = 500;

/** The webhooks of what `moved` has become. */
function called(event: 'started' | 'progress' | 'completed', condition: Sql = empty, output: readonly object[] = []): Sql {
  return announced(
    `generation.${event}`,
    sql`
      SELECT tenant_id, id AS generation_id, sequence, CASE WHEN ${event}::text = ANY (webhook_events) THEN webhook_url END AS url,
             webhook_format AS format,
             jsonb_build_object('id', id, 'status', status, 'sequence', sequence,
               'metadata', CASE WHEN octet_length(metadata::text) <= ${METADATA_BYTES}::int THEN metadata ELSE '{}' END,
               'error', error || jsonb_build_object('detail', left(error->>'detail', ${DETAIL_CHARACTERS}::int)),
               'output', ${json(output)}::jsonb) AS data
        FROM moved ${condition}`,
  );
}

/** A receiver hears of progress now and then, however often a worker reports it. */
const seldom: Sql = sql`
  WHERE NOT EXISTS (SELECT FROM webhook_delivery d WHERE d.generation_id = moved.id AND d.type = 'generation.progress'
                       AND d.created_at > now() - ${PROGRESS_EVERY_MS}::int * interval '1 millisecond')`;

/** Tells those who wait that the generation has changed, and whoever watches over its batch that one more has ended. For a SELECT from `moved`. */
const notified: Sql = sql`pg_notify('generation', moved.id), CASE WHEN moved.completed_at IS NOT NULL AND moved.batch_id IS NOT NULL THEN pg_notify('batch', moved.batch_id) END`;

/**
 * Assignments that number one more message of a stage. The queue drops an id that it has seen, and a worker may be done with the
 * first message (1) before the relay has noted that it went.
 */
const numbered: Sql = sql`enqueued = greatest(enqueued, 1) + 1, enqueued_at = NULL`;

/** The job of a stage row, by its name. */
const jobOf: Sql = sql`CASE name WHEN 'parse' THEN ${flow.parse.job} WHEN 'embed' THEN ${flow.embed.job} ELSE ${flow.sample.job} END`;
