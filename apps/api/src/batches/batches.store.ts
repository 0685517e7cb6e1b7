/** Batches as clients see them. How far one is, is counted from its generations; nothing is counted up or down. */
import {
  ErrorCode,
  errors,
  FieldError,
  isId,
  JobError,
  LikenessError,
  STATUSES,
  type BatchId,
  type BatchItem,
  type GenerationId,
  type TenantId,
} from '@likeness/contracts';
import { empty, many, one, sql, type Db, type Sql } from '@likeness/platform/db';
import { z } from 'zod';
import { Judgement, refusalOf } from '../generations/insert-generations.ts';

const BatchView = z.object({
  id: z.custom<BatchId>(),
  cancel_requested_at: z.date().nullable(),
  created_at: z.date(),
  /** Of the last generation; null while there is one under way. */
  ended_at: z.date().nullable(),
  total: z.number(),
  accepted: z.number(),
  succeeded: z.number(),
  failed: z.number(),
  canceled: z.number(),
});
export type BatchView = z.infer<typeof BatchView>;

const views = (condition: Sql): Sql => sql`
  SELECT b.id, b.cancel_requested_at, b.created_at, i.total, i.accepted, g.succeeded, g.failed, g.canceled,
         CASE WHEN g.under_way = 0 THEN coalesce(g.last, b.created_at) END AS ended_at
    FROM batch b
   CROSS JOIN LATERAL (SELECT count(*) AS total, count(generation_id) AS accepted FROM batch_item WHERE batch_id = b.id) AS i
   CROSS JOIN LATERAL (
     SELECT count(*) FILTER (WHERE status = 'succeeded') AS succeeded, count(*) FILTER (WHERE status = 'failed') AS failed,
            count(*) FILTER (WHERE status IN ('canceled', 'expired')) AS canceled,
            count(*) FILTER (WHERE status IN ('queued', 'processing')) AS under_way, max(completed_at) AS last
       FROM generation WHERE batch_id = b.id
   ) AS g
   WHERE ${condition}`;

/** Null for another tenant's as for none at all. */
export const findBatch = (db: Db, tenantId: TenantId, id: string): Promise<BatchView | null> =>
  one(db, BatchView, views(sql`b.id = ${id} AND b.tenant_id = ${tenantId}`));

/** @throws LikenessError `not_found` */
export async function knownBatch(db: Db, tenantId: TenantId, id: string): Promise<BatchView> {
  const view = isId('batch', id) ? await findBatch(db, tenantId, id) : null;
  if (!view) throw new LikenessError('not_found', `There is no batch ${id}.`);
  return view;
}

/** Newest first; `before` is the last of the page before. */
export const listBatches = (db: Db, tenantId: TenantId, before: BatchId | undefined, limit: number): Promise<BatchView[]> =>
  many(
    db,
    BatchView,
    sql`${views(sql`b.tenant_id = ${tenantId} ${before === undefined ? empty : sql`AND b.id < ${before}`}`)} ORDER BY b.id DESC LIMIT ${limit}`,
  );

/** Why there is no generation: found before the statement that made the batch, or by it. */
export const Rejection = z.object({ code: ErrorCode, detail: z.string(), errors: z.array(FieldError).optional() });
export type Rejection = z.infer<typeof Rejection>;
const Unadmitted = Judgement.omit({ admitted: true, created: true });

const ItemView = z.object({
  place: z.number(),
  custom_id: z.string(),
  status: z.enum(['accepted', 'rejected', ...STATUSES]),
  generation_id: z.custom<GenerationId>().nullable(),
  rejection: z.union([Rejection, Unadmitted]).nullable(),
  error: JobError.nullable(),
});
export type ItemView = z.infer<typeof ItemView>;

/** In the order given; `after` is the place of the last of the page before. */
export const listItems = (db: Db, batchId: BatchId, after: number, limit: number): Promise<ItemView[]> =>
  many(
    db,
    ItemView,
    sql`
    SELECT i.place, i.custom_id, i.generation_id, i.error AS rejection, g.error,
           coalesce(g.status, CASE WHEN i.generation_id IS NULL THEN 'rejected' ELSE 'accepted' END) AS status
      FROM batch_item i LEFT JOIN generation g ON g.id = i.generation_id
     WHERE i.batch_id = ${batchId} AND i.place > ${after}::int ORDER BY i.place LIMIT ${limit}`,
  );

export const presentItem = ({ custom_id, status, generation_id, rejection, error }: ItemView): BatchItem => ({
  custom_id,
  status,
  generation_id,
  error: rejection ? rejectionError(rejection) : error,
});

function rejectionError(rejection: NonNullable<ItemView['rejection']>): NonNullable<BatchItem['error']> {
  if ('code' in rejection) {
    const { code, ...rest } = rejection;
    const { title, hint, retryable } = errors[code];
    return { code, title, hint, retryable, stage: null, ...rest };
  }
  const refusal = refusalOf({ ...rejection, admitted: false, created: false });
  return (refusal ?? new LikenessError('internal', errors.internal.title)).toJobError(null);
}
