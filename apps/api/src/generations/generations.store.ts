/** Reading generations as clients see them: one statement for one, one for a page. */
import {
  GenerationStatus,
  isId,
  JobError,
  LikenessError,
  StageName,
  type AcceptedInput,
  type ArtifactId,
  type BatchId,
  type GenerationId,
  type TenantId,
} from '@likeness/contracts';
import { empty, many, one, sql, type Db, type Sql } from '@likeness/platform/db';
import { z } from 'zod';

export const ProgressRow = z.object({ step: z.number(), total: z.number(), preview: z.string().optional() });

/** What `presentGeneration` needs. */
export const GenerationView = z.object({
  id: z.custom<GenerationId>(),
  status: GenerationStatus,
  stage: StageName.nullable(),
  sequence: z.number(),
  input: z.custom<AcceptedInput>(), // checked when it was written
  pack: z.object({ name: z.string(), version: z.string(), trained: z.boolean() }),
  priority: z.enum(['low', 'normal', 'high']),
  metadata: z.record(z.string(), z.string()),
  progress: ProgressRow.nullable(),
  error: JobError.nullable(),
  warnings: z.array(z.string()),
  gpu_seconds: z.number(),
  images: z.number(),
  cancel_requested_at: z.date().nullable(),
  deadline_at: z.date().nullable(),
  created_at: z.date(),
  started_at: z.date().nullable(),
  completed_at: z.date().nullable(),
  expires_at: z.date().nullable(),
  data_removed: z.boolean(),
  retry_of: z.custom<GenerationId>().nullable(),
  batch_id: z.custom<BatchId>().nullable(),
  custom_id: z.string().nullable(),
  attempt: z.number(),
  /** 1 = next; counted to 1,000; null unless queued. */
  position: z.number().nullable(),
  stage_ms: z.record(z.string(), z.number()),
  cache: z.object({ parse: z.boolean(), embed: z.boolean() }),
  output: z.array(
    z.object({
      id: z.custom<ArtifactId>(),
      index: z.number(),
      content_type: z.string(),
      size: z.number(),
      sha256: z.string(),
      detail: z.object({ width: z.number(), height: z.number(), seed: z.number() }),
    }),
  ),
});
export type GenerationView = z.infer<typeof GenerationView>;

/** `data_removed` also holds from `expires_at` on, although the sweeper may come later. */
const views = (condition: Sql): Sql => sql`
  SELECT g.id, g.status, g.stage, g.sequence, g.input, g.pack, g.priority, g.metadata, g.progress, g.error, g.warnings, g.gpu_seconds, g.images,
         g.cancel_requested_at, g.deadline_at, g.created_at, g.started_at, g.completed_at, g.expires_at, g.retry_of, g.batch_id, g.custom_id,
         g.data_removed OR coalesce(g.expires_at <= now(), false) AS data_removed,
         greatest(s.attempt, (g.status = 'processing')::int) AS attempt, s.stage_ms, s.cache,
         CASE WHEN g.status = 'queued' THEN (
           SELECT count(*)::int FROM (
             SELECT FROM stage ahead WHERE ahead.queue = s.queue AND ahead.status = 'queued' AND ahead.queued_at <= s.queued_at LIMIT 1000) AS counted
         ) END AS position,
         CASE WHEN g.status = 'succeeded' THEN (
           SELECT coalesce(jsonb_agg(to_jsonb(a) ORDER BY a.index), '[]') FROM (
             SELECT id, index, content_type, size, sha256, detail FROM artifact WHERE generation_id = g.id AND name = 'images') AS a
         ) ELSE '[]' END AS output
    FROM generation g
   CROSS JOIN LATERAL (
     SELECT coalesce((array_agg(attempt ORDER BY queued_at DESC))[1], 0) AS attempt, (array_agg(queue ORDER BY queued_at DESC))[1] AS queue, max(queued_at) AS queued_at,
            coalesce(jsonb_object_agg(name, extract(epoch FROM completed_at - started_at) * 1000) FILTER (WHERE completed_at IS NOT NULL AND started_at IS NOT NULL), '{}') AS stage_ms,
            jsonb_build_object('parse', coalesce(bool_or(cached AND name = 'parse'), false), 'embed', coalesce(bool_or(cached AND name = 'embed'), false)) AS cache
       FROM stage WHERE generation_id = g.id
   ) AS s
   WHERE ${condition}`;

/** Null for another tenant's as for none at all. */
export const findGeneration = (db: Db, tenantId: TenantId, id: string): Promise<GenerationView | null> =>
  one(db, GenerationView, views(sql`g.id = ${id} AND g.tenant_id = ${tenantId}`));

/** @throws LikenessError `not_found` */
export async function knownGeneration(db: Db, tenantId: TenantId, id: string): Promise<GenerationView> {
  const view = isId('generation', id) ? await findGeneration(db, tenantId, id) : null;
  if (!view) throw new LikenessError('not_found', `There is no generation ${id}.`);
  return view;
}

export interface ListFilter {
  readonly status?: GenerationStatus | undefined;
  /** Exclusive. */
  readonly createdAfter?: Date | undefined;
  /** Only older ones than this: the last of the page before. */
  readonly before?: GenerationId | undefined;
  readonly limit: number;
}

/** Newest first. Ids sort by time, so new generations do not move a page that was begun before them. */
export const listGenerations = (
  db: Db,
  tenantId: TenantId,
  { status, createdAfter, before, limit }: ListFilter,
): Promise<GenerationView[]> =>
  many(
    db,
    GenerationView,
    sql`${views(sql`g.tenant_id = ${tenantId}
      ${before === undefined ? empty : sql`AND g.id < ${before}`}
      ${status === undefined ? empty : statusIs(status)}
      ${createdAfter === undefined ? empty : sql`AND g.created_at > to_timestamp(${createdAfter.getTime() / 1000}::float8)`}`)}
      ORDER BY g.id DESC LIMIT ${limit}`,
  );

/** The second condition, which says nothing new, is that of the index of those that have not succeeded: they may be few among a million. */
const statusIs = (status: GenerationStatus): Sql =>
  status === 'succeeded' ? sql`AND g.status = ${status}` : sql`AND g.status = ${status} AND g.status <> 'succeeded'`;
