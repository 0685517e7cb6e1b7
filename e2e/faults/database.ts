/** The run's own look into the database: triggers that write down every change, and what is there at the end. */
import { exec, many, one, sql, type Db, type Sql } from '@likeness/platform/db';
import { z } from 'zod';
import type { ArtifactRow, Change, DeliveryRow, ErasureRow, EventRow, GenerationRow, Quiet, StageRow, SubjectRow } from './history.ts';

/** Rows are locked while they change, so the log of one generation is in the order of its changes. */
const RECORDER = `
  CREATE SCHEMA IF NOT EXISTS fault_run;
  CREATE TABLE IF NOT EXISTS fault_run.change (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(),
    of text NOT NULL, id text NOT NULL, generation_id text NOT NULL, "from" text, "to" text NOT NULL,
    sequence integer, attempt integer, worker_id text
  );
  CREATE OR REPLACE FUNCTION fault_run.note_generation() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO fault_run.change (of, id, generation_id, "from", "to", sequence)
    VALUES ('generation', NEW.id, NEW.id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.status END, NEW.status, NEW.sequence);
    RETURN NULL;
  END $$;
  CREATE OR REPLACE FUNCTION fault_run.note_stage() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO fault_run.change (of, id, generation_id, "from", "to", attempt, worker_id)
    VALUES ('stage', NEW.id, NEW.generation_id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.status END, NEW.status, NEW.attempt, NEW.worker_id);
    RETURN NULL;
  END $$;
  CREATE OR REPLACE TRIGGER fault_run_made AFTER INSERT ON generation FOR EACH ROW EXECUTE FUNCTION fault_run.note_generation();
  CREATE OR REPLACE TRIGGER fault_run_changed AFTER UPDATE ON generation FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status OR OLD.sequence IS DISTINCT FROM NEW.sequence) EXECUTE FUNCTION fault_run.note_generation();
  CREATE OR REPLACE TRIGGER fault_run_made AFTER INSERT ON stage FOR EACH ROW EXECUTE FUNCTION fault_run.note_stage();
  CREATE OR REPLACE TRIGGER fault_run_changed AFTER UPDATE ON stage FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status OR OLD.attempt IS DISTINCT FROM NEW.attempt) EXECUTE FUNCTION fault_run.note_stage();`;

export const recordChanges = async (db: Db): Promise<void> => void (await db.pool.query(RECORDER));

const text = z.string();
const number = z.number();
const time = z.date().transform((date) => date.getTime());

export interface Rows {
  readonly generations: GenerationRow[];
  readonly stages: StageRow[];
  readonly events: EventRow[];
  readonly artifacts: ArtifactRow[];
  readonly deliveries: DeliveryRow[];
  readonly changes: Change[];
  readonly subjects: SubjectRow[];
  readonly erasures: ErasureRow[];
  readonly uploads: string[];
  readonly shared: string[];
}

export async function readRows(db: Db): Promise<Rows> {
  const keys = async (statement: Sql) => (await many(db, z.object({ key: text }), statement)).map(({ key }) => key);
  return {
    generations: await many(
      db,
      z.object({
        id: text,
        tenantId: text,
        status: z.custom<GenerationRow['status']>(),
        sequence: number,
        order: text.nullable(),
        retryOf: text.nullable(),
        batchId: text.nullable(),
        wantsWebhook: z.boolean(),
        subjectId: text.nullable(),
        pack: text,
        removalRequestedAt: time.nullable(),
        dataRemoved: z.boolean(),
        content: z.array(text),
      }),
      sql`SELECT id, tenant_id AS "tenantId", status, sequence, metadata->>'order' AS "order", retry_of AS "retryOf", batch_id AS "batchId",
                 webhook_url IS NOT NULL AND 'completed' = ANY (webhook_events) AS "wantsWebhook", subject_id AS "subjectId",
                 pack->>'name' AS pack, removal_requested_at AS "removalRequestedAt", data_removed AS "dataRemoved", array_remove(ARRAY[
                   CASE WHEN input ? 'prompt' THEN 'input' END, CASE WHEN metadata <> '{}' THEN 'metadata' END,
                   CASE WHEN webhook_url IS NOT NULL THEN 'webhook' END,
                   CASE WHEN EXISTS (SELECT FROM artifact a WHERE a.generation_id = g.id) THEN 'artifacts' END,
                   CASE WHEN EXISTS (SELECT FROM data_key k WHERE k.id = g.id) THEN 'data key' END], NULL) AS content
            FROM generation g ORDER BY id`,
    ),
    stages: await many(
      db,
      z.object({ id: text, generationId: text, name: text, status: text, attempt: number, cached: z.boolean() }),
      sql`SELECT id, generation_id AS "generationId", name, status, attempt, cached FROM stage ORDER BY queued_at, id`,
    ),
    events: await many(
      db,
      z.object({ generationId: text, sequence: number, type: text, status: text }),
      sql`SELECT generation_id AS "generationId", sequence, type, data->>'status' AS status FROM event ORDER BY id`,
    ),
    artifacts: await many(
      db,
      z.object({ id: text, generationId: text, tenantId: text, stage: text, name: text, objectKey: text }),
      sql`SELECT id, generation_id AS "generationId", tenant_id AS "tenantId", stage, name, object_key AS "objectKey" FROM artifact ORDER BY id`,
    ),
    deliveries: await many(
      db,
      z.object({ id: text, generationId: text, type: text, status: text }),
      sql`SELECT id, generation_id AS "generationId", type, status FROM webhook_delivery WHERE generation_id IS NOT NULL ORDER BY id`,
    ),
    changes: await readChanges(db),
    subjects: await many(
      db,
      z.object({ id: text, tenantId: text, erased: z.boolean(), content: z.array(text) }),
      sql`SELECT id, tenant_id AS "tenantId", erased_at IS NOT NULL AS erased, array_remove(ARRAY[
                   CASE WHEN external_id IS NOT NULL OR consent IS NOT NULL THEN 'consent' END,
                   CASE WHEN reference_images <> '[]' OR uploads <> '{}' THEN 'references' END,
                   CASE WHEN EXISTS (SELECT FROM cache_entry c WHERE c.subject_id = s.id) THEN 'cache entries' END,
                   CASE WHEN EXISTS (SELECT FROM idempotency_key k WHERE k.resource_id = s.id) THEN 'idempotency key' END,
                   CASE WHEN EXISTS (SELECT FROM data_key k WHERE k.id = s.id) THEN 'data key' END], NULL) AS content
            FROM subject s ORDER BY id`,
    ),
    erasures: await many(
      db,
      z.object({ id: text, subjectId: text, startedAt: time, completedAt: time.nullable() }),
      sql`SELECT id, subject_id AS "subjectId", started_at AS "startedAt", completed_at AS "completedAt" FROM erasure ORDER BY id`,
    ),
    uploads: await keys(sql`SELECT object_key AS key FROM upload`),
    shared: await keys(sql`
      SELECT jsonb_array_elements(reference_images)->>'object_key' AS key FROM subject
      UNION SELECT jsonb_array_elements(artifacts)->>'object_key' FROM cache_entry`),
  };
}

export const readChanges = (db: Db): Promise<Change[]> =>
  many(
    db,
    z.object({
      at: time,
      of: z.enum(['generation', 'stage']),
      id: text,
      generationId: text,
      from: text.nullable(),
      to: text,
      sequence: number.nullable(),
      attempt: number.nullable(),
      workerId: text.nullable(),
    }),
    sql`SELECT at, of, id, generation_id AS "generationId", "from", "to", sequence, attempt, worker_id AS "workerId" FROM fault_run.change ORDER BY n`,
  );

const Counted = z.object({ name: text, count: number });
const counts = async (db: Db, statement: ReturnType<typeof sql>): Promise<Record<string, number>> =>
  Object.fromEntries((await many(db, Counted, statement)).map(({ name, count }) => [name, count]));

/** What is under way; `wantedSlots` is what it should be when all workers live. */
export async function readQuiet(db: Db, wantedSlots: Readonly<Record<string, number>>): Promise<Quiet> {
  const single = async (statement: ReturnType<typeof sql>) => (await one(db, z.object({ count: number }), statement))?.count ?? 0;
  return {
    demand: await counts(
      db,
      sql`SELECT queue AS name, count(*)::int AS count FROM stage WHERE status IN ('queued', 'processing') GROUP BY queue`,
    ),
    stagesAtWork: await single(sql`SELECT count(*)::int AS count FROM stage WHERE status = 'processing'`),
    messages: await single(sql`SELECT count(*)::int AS count FROM outbox WHERE available_at < now() - interval '5 seconds'`),
    busyWorkers: await single(
      sql`SELECT count(*)::int AS count FROM worker WHERE seen_at > now() - interval '15 seconds' AND state <> 'idle'`,
    ),
    slots: await counts(
      db,
      sql`SELECT class AS name, sum(slots)::int AS count FROM worker WHERE seen_at > now() - interval '15 seconds' GROUP BY class`,
    ),
    wantedSlots,
  };
}

/** Generations that have not ended, deliveries that wait, and removals that are not done: what a run still waits for. */
export async function readOpen(db: Db): Promise<{ readonly generations: number; readonly deliveries: number; readonly removals: number }> {
  const open = await one(
    db,
    z.object({ generations: number, deliveries: number, removals: number }),
    sql`SELECT (SELECT count(*)::int FROM generation WHERE status IN ('queued', 'processing')) AS generations,
               (SELECT count(*)::int FROM webhook_delivery WHERE status = 'pending') AS deliveries,
               (SELECT count(*)::int FROM generation WHERE removal_requested_at IS NOT NULL AND NOT data_removed)
                 + (SELECT count(*)::int FROM erasure WHERE completed_at IS NULL) AS removals`,
  );
  return open ?? { generations: 0, deliveries: 0, removals: 0 };
}

/** The schedule of tries goes on for hours; a run does not. Whatever waits for its next try gets it now. */
export async function hurryDeliveries(db: Db): Promise<void> {
  await exec(
    db,
    sql`
    WITH due AS (
      UPDATE webhook_delivery SET next_attempt_at = now() WHERE status = 'pending' AND next_attempt_at > now() RETURNING id
    ), now_sent AS (
      UPDATE outbox SET available_at = now() WHERE job = 'deliver-webhook' AND available_at > now() RETURNING id
    )
    SELECT pg_notify('outbox', 'webhooks') FROM now_sent LIMIT 1`,
  );
}
