/** The delivery log, and deliveries that are sent once more. A replay keeps the id and the body, and begins the schedule anew. */
import { DeliveryStatus, EventType, type DeliveryId, type EndpointId, type TenantId } from '@likeness/contracts';
import { posted } from '@likeness/generation';
import { empty, many, one, sql, type Db, type Sql } from '@likeness/platform/db';
import { z } from 'zod';

const SHOWN_ATTEMPTS = 50;
const BATCH = 1_000;

export const DeliveryView = z.object({
  id: z.custom<DeliveryId>(),
  endpoint_id: z.string().nullable(),
  type: EventType,
  status: DeliveryStatus,
  sequence: z.number(),
  next_attempt_at: z.date().nullable(),
  created_at: z.date(),
  attempts: z.array(
    z.object({
      at: z.string(),
      status_code: z.number().nullable(),
      duration_ms: z.number(),
      error: z.string().nullable(),
      response_excerpt: z.string().nullable(),
    }),
  ),
});
export type DeliveryView = z.infer<typeof DeliveryView>;

const views = (condition: Sql): Sql => sql`
  SELECT d.id, d.endpoint_id, d.type, d.status, d.sequence, d.next_attempt_at, d.created_at,
         (SELECT coalesce(jsonb_agg(to_jsonb(a) - 'id' ORDER BY a.id), '[]') FROM (
            SELECT id, at, status_code, duration_ms, error, response_excerpt FROM webhook_attempt
             WHERE delivery_id = d.id ORDER BY id DESC LIMIT ${SHOWN_ATTEMPTS}) AS a) AS attempts
    FROM webhook_delivery d WHERE ${condition}`;

export interface DeliveryFilter {
  readonly status?: DeliveryView['status'] | undefined;
  /** Only older ones than this: the last of the page before. */
  readonly before?: DeliveryId | undefined;
  readonly limit: number;
}

/** Newest first. */
export const listDeliveries = (
  db: Db,
  tenantId: TenantId,
  endpointId: EndpointId,
  { status, before, limit }: DeliveryFilter,
): Promise<DeliveryView[]> =>
  many(
    db,
    DeliveryView,
    sql`${views(sql`d.endpoint_id = ${endpointId} AND d.tenant_id = ${tenantId}
      ${status === undefined ? empty : sql`AND d.status = ${status}`} ${before === undefined ? empty : sql`AND d.id < ${before}`}`)}
      ORDER BY d.id DESC LIMIT ${limit}`,
  );

/** Null for another tenant's, and for one whose endpoint was deleted: its log went with it. */
export const findDelivery = (db: Db, tenantId: TenantId, id: DeliveryId): Promise<DeliveryView | null> =>
  one(
    db,
    DeliveryView,
    views(
      sql`d.id = ${id} AND d.tenant_id = ${tenantId} AND (d.endpoint_id IS NULL OR EXISTS (SELECT FROM webhook_endpoint WHERE id = d.endpoint_id))`,
    ),
  );

const mayBeSent = sql`(d.endpoint_id IS NULL OR EXISTS (SELECT FROM webhook_endpoint w WHERE w.id = d.endpoint_id AND w.status = 'enabled'))`;
const anew = sql`status = 'pending', attempts_before = attempt, next_attempt_at = now(), lease_until = NULL, completed_at = NULL`;

/** What is over is sent anew; what waits for its next attempt need not wait any more; what is under way goes on. False when its endpoint is disabled. */
export const replayDelivery = (db: Db, tenantId: TenantId, id: DeliveryId): Promise<boolean> =>
  one(
    db,
    z.object({ id: z.string() }),
    sql`
    WITH allowed AS (
      SELECT d.id FROM webhook_delivery d WHERE d.id = ${id} AND d.tenant_id = ${tenantId} AND ${mayBeSent}
    ), again AS (
      UPDATE webhook_delivery d SET ${anew} FROM allowed WHERE d.id = allowed.id AND d.status <> 'pending'
      RETURNING d.id, d.tenant_id, d.attempt
    ), posted AS (${posted(sql`again`)}), hastened AS (
      UPDATE webhook_delivery d SET next_attempt_at = now() FROM allowed
       WHERE d.id = allowed.id AND d.status = 'pending' AND d.next_attempt_at > now()
      RETURNING d.id
    ), due AS (
      UPDATE outbox SET available_at = now()
       WHERE id IN (SELECT o.id FROM outbox o JOIN hastened ON o.ref_id = hastened.id FOR UPDATE OF o SKIP LOCKED)
      RETURNING pg_notify('outbox', 'webhooks')
    )
    SELECT id FROM allowed`,
  ).then((allowed) => allowed !== null);

/** Sends everything anew that the endpoint has missed since then. Returns how many. */
export async function recoverDeliveries(db: Db, tenantId: TenantId, endpointId: EndpointId, since: Date): Promise<number> {
  let count = 0;
  for (let last = ''; ;) {
    const again = await many(
      db,
      z.object({ id: z.string() }),
      sql`
      WITH missed AS (
        SELECT d.id FROM webhook_delivery d
         WHERE d.endpoint_id = ${endpointId} AND d.tenant_id = ${tenantId} AND d.status IN ('failed', 'exhausted') AND d.id > ${last}
           AND d.created_at >= to_timestamp(${since.getTime() / 1000}::float8) AND ${mayBeSent}
         ORDER BY d.id LIMIT ${BATCH} FOR UPDATE OF d
      ), again AS (
        UPDATE webhook_delivery d SET ${anew} FROM missed WHERE d.id = missed.id RETURNING d.id, d.tenant_id, d.attempt
      ), posted AS (${posted(sql`again`)})
      SELECT id FROM again ORDER BY id`,
    );
    count += again.length;
    last = again.at(-1)?.id ?? '';
    if (again.length < BATCH) return count;
  }
}
