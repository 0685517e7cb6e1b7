/** The running system, read from rows: worker classes, workers, and what could not be done. */
import {
  DEAD_LETTER_CODES,
  ErrorCode,
  StageName,
  WORKER_CLASSES,
  type DeadLetter,
  type DeliveryId,
  type GenerationId,
  type StageId,
  type TenantId,
  type WorkerClass,
  type WorkerClassView,
  type WorkerId,
  type WorkerView,
} from '@likeness/contracts';
import { many, one, sql, type Db, type Sql } from '@likeness/platform/db';
import { z } from 'zod';
import { readQueueState } from '../queue/queue-state.ts';

const Paused = z.object({ class: z.custom<WorkerClass>(), paused_at: z.date() });

export async function listClasses(db: Db): Promise<WorkerClassView[]> {
  const [state, rows] = await Promise.all([readQueueState(db), many(db, Paused, sql`SELECT class, paused_at FROM paused_class`)]);
  const paused = new Map(rows.map((row) => [row.class, row.paused_at.toISOString()]));
  return WORKER_CLASSES.map((name) => ({
    class: name,
    paused: paused.has(name),
    paused_at: paused.get(name) ?? null,
    demand: state[name].demand,
    slots: state[name].slots,
  }));
}

const WorkerRow = z.object({
  id: z.custom<WorkerId>(),
  class: z.enum(WORKER_CLASSES),
  state: z.enum(['starting', 'idle', 'busy', 'draining', 'lost']),
  slots: z.number(),
  host: z.string(),
  pid: z.number(),
  started_at: z.date(),
  seen_at: z.date(),
  working_on: z.array(
    z.object({
      stage_id: z.custom<StageId>(),
      generation_id: z.custom<GenerationId>(),
      tenant_id: z.custom<TenantId>(),
      stage: StageName,
      attempt: z.number(),
      since: z.string().transform((text) => new Date(text).toISOString()),
    }),
  ),
});

/** Those seen within the last hour; the row of a worker that stopped in order is gone at once. */
export async function listWorkers(db: Db): Promise<WorkerView[]> {
  const rows = await many(
    db,
    WorkerRow,
    sql`
    SELECT w.id, w.class, w.slots, w.host, w.pid, w.started_at, w.seen_at,
           CASE WHEN w.seen_at > now() - interval '15 seconds' THEN w.state ELSE 'lost' END AS state,
           coalesce(jsonb_agg(jsonb_build_object('stage_id', s.id, 'generation_id', s.generation_id, 'tenant_id', s.tenant_id, 'stage', s.name,
                                                 'attempt', s.attempt, 'since', s.started_at) ORDER BY s.started_at) FILTER (WHERE s.id IS NOT NULL), '[]') AS working_on
      FROM worker w LEFT JOIN stage s ON s.worker_id = w.id AND s.status = 'processing'
     GROUP BY w.id ORDER BY w.class, w.id`,
  );
  return rows.map((row) => ({ ...row, started_at: row.started_at.toISOString(), seen_at: row.seen_at.toISOString() }));
}

const DeadLetterRow = z.object({
  id: z.union([z.custom<GenerationId>(), z.custom<DeliveryId>()]),
  kind: z.enum(['generation', 'webhook_delivery']),
  tenant_id: z.custom<TenantId>(),
  generation_id: z.custom<GenerationId>().nullable(),
  code: ErrorCode.nullable(),
  detail: z.string().nullable(),
  attempts: z.number(),
  failed_at: z.date(),
});
export type DeadLetterRow = z.infer<typeof DeadLetterRow>;

/** Failed by the service's own fault, its data still there, and not asked for again. */
const failedGenerations = (condition: Sql): Sql => sql`
  SELECT g.id, 'generation' AS kind, g.tenant_id, g.id AS generation_id, g.error->>'code' AS code, g.error->>'detail' AS detail,
         coalesce((SELECT max(attempt) FROM stage WHERE generation_id = g.id AND status = 'failed'), 0) AS attempts, g.completed_at AS failed_at
    FROM generation g
   WHERE g.status = 'failed' AND g.error->>'code' = ANY (${[...DEAD_LETTER_CODES]}::text[]) AND NOT g.data_removed
     AND NOT EXISTS (SELECT FROM generation again WHERE again.retry_of = g.id) AND ${condition}`;

const exhaustedDeliveries = (condition: Sql): Sql => sql`
  SELECT d.id, 'webhook_delivery' AS kind, d.tenant_id, d.generation_id, NULL AS code,
         (SELECT error FROM webhook_attempt WHERE delivery_id = d.id ORDER BY id DESC LIMIT 1) AS detail, d.attempt AS attempts,
         coalesce(d.completed_at, d.created_at) AS failed_at
    FROM webhook_delivery d WHERE d.status = 'exhausted' AND ${condition}`;

export const findDeadLetter = (db: Db, id: string): Promise<DeadLetterRow | null> =>
  one(db, DeadLetterRow, sql`(${failedGenerations(sql`g.id = ${id}`)}) UNION ALL (${exhaustedDeliveries(sql`d.id = ${id}`)})`);

/** Newest first, by the time that ids carry. */
export const listDeadLetters = (db: Db, before: string | undefined, limit: number): Promise<DeadLetterRow[]> => {
  const older = (column: Sql, prefix: string) =>
    before === undefined ? sql`true` : sql`${column} < ${prefix + before.slice(before.indexOf('_'))}`;
  return many(
    db,
    DeadLetterRow,
    sql`
    SELECT * FROM (
      (${failedGenerations(older(sql`g.id`, 'gen'))} ORDER BY g.id DESC LIMIT ${limit})
      UNION ALL
      (${exhaustedDeliveries(older(sql`d.id`, 'whd'))} ORDER BY d.id DESC LIMIT ${limit})
    ) AS letters ORDER BY substr(id, 5) DESC LIMIT ${limit}`,
  );
};

export const presentDeadLetter = ({ failed_at, ...letter }: DeadLetterRow): DeadLetter => ({
  ...letter,
  failed_at: failed_at.toISOString(),
});
