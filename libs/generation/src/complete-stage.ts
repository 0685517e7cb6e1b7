/**
 * The end of a stage that has done its work, and the beginning of the next: all or nothing. Completions of one moment travel together, as
 * `generation.store.ts` tells.
 */
import { newId, type StageName, type WorkerId } from '@likeness/contracts';
import { empty, inBatches, json, many, sql, type Db } from '@likeness/platform/db';
import { z } from 'zod';
import { flow } from './flow.ts';
import { ClaimedStage, type Fence, type KeptArtifact } from './generation.ts';
import type { Reuse } from './reuse.ts';
import { byId, bytea, called, ending, following, inPlaces, leftBy, metered, notified, recorded, remembered } from './statement-parts.ts';

export interface StageResult {
  readonly artifacts: readonly KeptArtifact[];
  readonly warnings: readonly string[];
  /** Time that the inference process worked. */
  readonly gpuSeconds: number;
  /** Of a stage that a subject's generations share: it was found, or is to be remembered. */
  readonly reuse?: Reuse | null;
}

/**
 * The stage is done, its artifacts exist, and the next stage waits in the outbox or the generation has succeeded. False when a cancel was
 * asked for or the lease is lost: nothing was written.
 */
export const completeStage = (db: Db, fence: Fence, name: StageName, result: StageResult): Promise<boolean> =>
  complete(db, name, { fence, result, workerId: null }).then((done) => done !== null);

/**
 * The same by somebody who has room for the next stage, which is then claimed in the same moment: no message has to find a worker. True
 * when there is none, or it cannot be claimed and waits in the outbox.
 */
export async function completeAndGoOn(
  db: Db,
  stage: ClaimedStage,
  result: StageResult,
  workerId: WorkerId,
): Promise<ClaimedStage | boolean> {
  const done = await complete(db, stage.name, { fence: stage, result, workerId });
  const { next } = flow[stage.name];
  if (!done?.begun || next === null) return done !== null;
  return { ...stage, ...done.begun, name: next, resume: null };
}

interface Completion {
  readonly fence: Fence;
  readonly result: StageResult;
  /** Who takes the next stage; null: whoever gets its message. */
  readonly workerId: WorkerId | null;
}

const Done = z.object({
  place: z.number(),
  /** The next stage, if it was claimed. */
  begun: ClaimedStage.pick({ id: true, attempt: true, max_attempts: true, artifacts: true }).nullable(),
});

function complete(db: Db, name: StageName, completion: Completion): Promise<z.infer<typeof Done> | null> {
  const missing = flow[name].leaves.filter((wanted) => !completion.result.artifacts.some((artifact) => artifact.name === wanted));
  if (missing.length > 0) throw new Error(`stage ${name} left no ${missing.join(', ')}`);
  return completeInBatches[name](db, completion);
}

const completed = (name: StageName) =>
  inBatches<Completion, z.infer<typeof Done> | null>(async (db, completions) => {
    const { next, reusable } = flow[name];
    const done = await many(
      db,
      Done,
      sql`
      WITH wanted AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(${json(completions.map(rowOf))}::jsonb) AS w (
          place int, stage_id text, generation_id text, attempt int, next_id text, next_worker text, gpu_seconds float8, warnings text[],
          artifacts jsonb, output jsonb, cached bool, cache_key bytea, subject_id text)
      ), locked AS (
        SELECT id FROM generation
         WHERE ${byId(sql`generation_id`)} AND status = ${'processing'} AND cancel_requested_at IS NULL ORDER BY id FOR UPDATE
      ), done AS (
        UPDATE stage s SET status = 'succeeded', completed_at = now(), lease_until = NULL, error = NULL, resume = NULL, gpu_seconds = w.gpu_seconds,
                           cached = w.cached
          FROM locked JOIN wanted w ON w.generation_id = locked.id
         WHERE s.id = w.stage_id AND s.generation_id = locked.id AND s.attempt = w.attempt AND s.status = ${'processing'}
        RETURNING s.tenant_id, s.name, w.*
      ), kept AS (
        INSERT INTO artifact (id, generation_id, tenant_id, stage, name, index, object_key, data_key_id, content_type, size, sha256, detail)
        SELECT a.id, done.generation_id, done.tenant_id, done.name, a.name, a.index, a.object_key, a.data_key_id, a.content_type, a.size, a.sha256, a.detail
          FROM done, jsonb_to_recordset(done.artifacts)
               AS a (id text, name text, index int, object_key text, data_key_id text, content_type text, size int, sha256 text, detail jsonb)
        RETURNING generation_id, name, index, object_key, data_key_id, detail
      ), moved AS (
        UPDATE generation g SET sequence = sequence + 1, gpu_seconds = g.gpu_seconds + done.gpu_seconds, images = jsonb_array_length(done.output),
               warnings = ARRAY(SELECT DISTINCT unnest(g.warnings || done.warnings)),
               ${next === null ? ending('succeeded') : sql`stage = ${next}, progress = NULL`}
          FROM done WHERE g.id = done.generation_id
        RETURNING g.*, done.place, done.next_id, done.next_worker, done.output
      ), ${reusable ? sql`${remembered},` : empty} ${
        next === null
          ? sql`${recorded('completed')}, ${metered}, ${called('completed', empty, sql`output`)}
      SELECT place, NULL AS begun, ${notified} FROM moved`
          : sql`${recorded('status')}, ${following(next)}
      SELECT place, ${notified}, CASE WHEN NOT begins THEN pg_notify('outbox', staged.queue) END, CASE WHEN begins THEN
               jsonb_build_object('id', staged.id, 'attempt', staged.attempt, 'max_attempts', staged.max_attempts, 'artifacts', ${leftBy(
                 sql`moved.id`,
                 sql`
                 UNION ALL SELECT name, index, object_key, data_key_id, detail FROM kept WHERE generation_id = moved.id`,
               )}) END AS begun
        FROM following AS moved JOIN staged ON staged.id = moved.next_id`
      }`,
    );
    return inPlaces(completions.length, done);
  });

/** A batch has one form per stage: what follows it is part of the statement. */
const completeInBatches = { parse: completed('parse'), embed: completed('embed'), sample: completed('sample') };

const rowOf = ({ fence, workerId, result: { artifacts, warnings, gpuSeconds, reuse } }: Completion, place: number) => ({
  place,
  stage_id: fence.id,
  generation_id: fence.generation_id,
  attempt: fence.attempt,
  next_id: newId('stage'),
  next_worker: workerId,
  gpu_seconds: gpuSeconds,
  warnings,
  artifacts,
  output: artifacts
    .filter((artifact) => artifact.name === 'images')
    .map(({ id, index, content_type, sha256 }) => ({ id, index, content_type, sha256 })),
  cached: Boolean(reuse?.found),
  cache_key: reuse && bytea(reuse.key),
  subject_id: reuse?.subject_id,
});
