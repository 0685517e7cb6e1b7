/** What the statements of `generation.store.ts` are put together from. `locked`, `moved` and `s` are names of theirs. */
import { LikenessError, type StageName } from '@likeness/contracts';
import { empty, json, sql, type Sql } from '@likeness/platform/db';
import { announced } from './announce.ts';
import { flow } from './flow.ts';
import type { Fence } from './generation.ts';

/** The fence: this attempt, still at work. `s` is the stage, `locked` the generation. */
export function holds({ id, attempt, lapsed = false }: Fence): Sql {
  return sql`s.id = ${id} AND s.generation_id = locked.id AND s.attempt = ${attempt} AND s.status = 'processing'
             ${lapsed ? sql`AND s.lease_until < now()` : empty}`;
}

/** Assignments that end a generation. */
export function ending(status: 'succeeded' | 'failed' | 'canceled' | 'expired'): Sql {
  return sql`status = ${status}, stage = NULL, progress = NULL, completed_at = now(), expires_at = now() + retention`;
}

/**
 * Ends whatever stage of the `locked` generation is not over, and takes its message back. One that the relay holds is on its way
 * already: waiting for it would hold the generation meanwhile and might deadlock; the claim will find nothing to do.
 */
export const halted: Sql = sql`
    halted AS (
      UPDATE stage s SET status = 'canceled', completed_at = now(), lease_until = NULL, resume = NULL
        FROM locked WHERE s.generation_id = locked.id AND s.status IN ('queued', 'processing')
      RETURNING s.id
    ), withdrawn AS (
      DELETE FROM outbox WHERE id IN (SELECT o.id FROM outbox o JOIN halted ON o.ref_id = halted.id FOR UPDATE OF o SKIP LOCKED)
    )`;

/** Somebody wants a generation under way to end: who asked for it, or its deadline. */
export const toBeCanceled: Sql = sql`(cancel_requested_at IS NOT NULL OR (status = 'processing' AND coalesce(deadline_at <= now(), false)))`;

/** The error of a generation whose deadline has passed. */
export const deadlineExceeded: Sql = sql`
  ${json(new LikenessError('deadline_exceeded', '').toJobError(null))}::jsonb || jsonb_build_object('stage', stage, 'detail',
    to_char(deadline_at AT TIME ZONE 'UTC', '"The deadline "YYYY-MM-DD"T"HH24:MI:SS.MS"Z passed before the end."'))`;

/** The event of what `moved` has become. */
export const recorded = (type: 'status' | 'completed'): Sql => recordedAs(sql`ARRAY[${type}]`);

/** Several events of one change, by which the sequence has risen. */
export function recordedAs(types: Sql): Sql {
  return sql`
    recorded AS (
      INSERT INTO event (generation_id, tenant_id, sequence, type, data)
      SELECT id, tenant_id, sequence - cardinality(${types}) + nth, type, jsonb_build_object('status', status, 'stage', stage, 'progress', progress)
        FROM moved, unnest(${types}) WITH ORDINALITY AS told (type, nth)
    )`;
}

/** What the generation that `moved` to its end has used. */
export const metered: Sql = sql`
    metered AS (
      INSERT INTO usage_entry (tenant_id, day, status, images, gpu_seconds, cache_hits)
      SELECT tenant_id, (completed_at AT TIME ZONE 'UTC')::date, status, images, gpu_seconds,
             CASE WHEN subject_id IS NULL THEN 0 ELSE (SELECT count(*) FROM stage s WHERE s.generation_id = moved.id AND s.cached) END FROM moved
    )`;

/** The results that are `done`, for the next generations of their subjects. Of two that came to it at once the first is kept. */
export const remembered: Sql = sql`
    remembered AS (
      INSERT INTO cache_entry (tenant_id, key, subject_id, stage, artifacts, warnings)
      SELECT tenant_id, cache_key, subject_id, name, artifacts, warnings FROM done WHERE cache_key IS NOT NULL AND NOT cached
      ON CONFLICT (tenant_id, key) DO NOTHING
    )`;

/** A worker that does not renew its lease within this time is taken for lost. Shorter than BullMQ's lock. */
export const LEASE_SECONDS = 8;
export const lease: Sql = sql`now() + ${LEASE_SECONDS}::int * interval '1 second'`;

/** A generation of which another stage may begin: its time is not over, nor was its subject erased. */
export const open: Sql = sql`(deadline_at IS NULL OR deadline_at > now())
         AND (subject_id IS NULL OR EXISTS (SELECT FROM data_key WHERE data_key.id = subject_id))`;

/** The class is not paused. */
export const runs = (queue: Sql): Sql => sql`NOT EXISTS (SELECT FROM paused_class p WHERE p.class = ${queue})`;

/** The next stage, `next_id`: claimed by `next_worker` if there is one and it may begin, else with a message for whoever will claim it. */
export function following(name: StageName): Sql {
  const { job, queue } = flow[name];
  return sql`
    following AS (
      SELECT moved.*, next_worker IS NOT NULL AND ${open} AND ${runs(sql`${queue}`)} AS begins FROM moved
    ), staged AS (
      INSERT INTO stage (id, generation_id, tenant_id, name, queue, status, attempt, worker_id, lease_until, started_at)
      SELECT next_id, id, tenant_id, ${name}, ${queue}, CASE WHEN begins THEN 'processing' ELSE 'queued' END, begins::int,
             CASE WHEN begins THEN next_worker END, CASE WHEN begins THEN ${lease} END, CASE WHEN begins THEN now() END FROM following
      RETURNING id, queue, attempt, max_attempts
    ), messaged AS (
      INSERT INTO outbox (job, queue, ref_id, n, tenant_id, priority) SELECT ${job}, ${queue}, next_id, 1, tenant_id, priority FROM following WHERE NOT begins
    )`;
}

/** What stages have left, with the data keys, for who works on; `more` adds what the statement itself keeps. */
export const leftBy = (generationId: Sql, more: Sql = empty): Sql => sql`(
             SELECT coalesce(jsonb_agg(jsonb_build_object('name', a.name, 'object_key', a.object_key, 'data_key', k.wrapped, 'detail', a.detail)
                                       ORDER BY a.name, a.index), '[]')
               FROM (SELECT name, index, object_key, data_key_id, detail FROM artifact WHERE generation_id = ${generationId} ${more}) AS a
               LEFT JOIN data_key k ON k.id = a.data_key_id)`;

/** A body stays below its 20 KB whatever a client had written into it. */
const METADATA_BYTES = 12_000;
const DETAIL_CHARACTERS = 1_000;
const PROGRESS_EVERY_MS = 500;

/** The webhooks of what `moved` has become. */
export function called(event: 'started' | 'progress' | 'completed', condition: Sql = empty, output: Sql = sql`'[]'::jsonb`): Sql {
  return announced(
    `generation.${event}`,
    sql`
      SELECT tenant_id, id AS generation_id, sequence, CASE WHEN ${event}::text = ANY (webhook_events) THEN webhook_url END AS url,
             webhook_format AS format,
             jsonb_build_object('id', id, 'status', status, 'sequence', sequence,
               'metadata', CASE WHEN octet_length(metadata::text) <= ${METADATA_BYTES}::int THEN metadata ELSE '{}' END,
               'error', error || jsonb_build_object('detail', left(error->>'detail', ${DETAIL_CHARACTERS}::int)),
               'output', ${output}) AS data
        FROM moved ${condition}`,
  );
}

/** A receiver hears of progress now and then, however often a worker reports it. */
export const seldom: Sql = sql`
  WHERE NOT EXISTS (SELECT FROM webhook_delivery d WHERE d.generation_id = moved.id AND d.type = 'generation.progress'
                       AND d.created_at > now() - ${PROGRESS_EVERY_MS}::int * interval '1 millisecond')`;

/**
 * Tells those who wait that the generation has changed, and when it has ended those who watch over its batch or wait to remove its data.
 * For a SELECT from `moved`.
 */
export const notified: Sql = sql`pg_notify('generation', moved.id), CASE WHEN moved.completed_at IS NOT NULL AND moved.batch_id IS NOT NULL THEN pg_notify('batch', moved.batch_id) END,
  CASE WHEN moved.completed_at IS NOT NULL AND moved.removal_requested_at IS NOT NULL THEN pg_notify('removal', moved.id) END`;

/**
 * Assignments that number one more message of a stage. The queue drops an id that it has seen, and a worker may be done with the
 * first message (1) before the relay has noted that it went.
 */
export const numbered: Sql = sql`enqueued = greatest(enqueued, 1) + 1, enqueued_at = NULL`;

/** The job of a stage row, by its name. */
export const jobOf: Sql = sql`CASE name WHEN 'parse' THEN ${flow.parse.job} WHEN 'embed' THEN ${flow.embed.job} ELSE ${flow.sample.job} END`;

/**
 * The rows whose ids a column of `wanted` holds, by their primary key. A join would be planned for a hundred rows, and a status that is
 * written into the text for the index of all that is under way: either reads as much as waits.
 */
export const byId = (column: Sql): Sql => sql`id = ANY (ARRAY(SELECT ${column} FROM wanted))`;

/** Bytes inside JSON. */
export const bytea = (bytes: Uint8Array): string => `\\x${Buffer.from(bytes).toString('hex')}`;

/** The rows of a batch in the order in which they were asked for, with nulls where there is none. */
export function inPlaces<T extends { readonly place: number }>(count: number, rows: readonly T[]): (T | null)[] {
  const places = new Map(rows.map((row) => [row.place, row]));
  return Array.from({ length: count }, (_, place) => places.get(place) ?? null);
}
