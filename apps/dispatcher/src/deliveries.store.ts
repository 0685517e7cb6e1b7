/** The state of a delivery, and of the endpoint that it goes to: one statement each, fenced by the attempt. */
import type { DeliveryId, TenantId } from '@likeness/contracts';
import { announced } from '@likeness/generation';
import { empty, one, sql, type Db } from '@likeness/platform/db';
import { z } from 'zod';

/** Longer than an attempt can take. */
const LEASE_SECONDS = 30;
/** An endpoint at which nothing succeeded for so long is given up. */
const FAILING_DAYS = 5;

const Delivery = z.object({
  id: z.custom<DeliveryId>(),
  tenant_id: z.custom<TenantId>(),
  generation_id: z.string().nullable(),
  endpoint_id: z.string().nullable(),
  type: z.string(),
  url: z.string(),
  format: z.string(),
  body: z.unknown(),
  /** The fence: every later write carries it. */
  attempt: z.number(),
  /** Attempts since the last replay. */
  tries: z.number(),
  /** The current one first; during a rotation the former one too. */
  secrets: z.array(z.string()),
  /** Why it must not be sent any more. */
  barred: z.string().nullable(),
  /** Of the request that led to it; null while traces are off. */
  traceparent: z.string().nullable(),
});
export type Delivery = z.infer<typeof Delivery>;

/** What came of an attempt. */
export interface Attempt {
  readonly status: 'pending' | 'succeeded' | 'failed' | 'exhausted';
  /** Until the next one. */
  readonly delayMs: number | null;
  readonly statusCode: number | null;
  readonly error: string | null;
  readonly excerpt: string | null;
  readonly durationMs: number;
}

/**
 * `next_attempt_at` is set while an attempt waits, in the outbox or in the queue; a lease then is the relay's. While an attempt is
 * under way it is null, and nobody else may claim before the lease is over. An endpoint's delivery goes where the endpoint is now.
 */
export const claimDelivery = (db: Db, id: DeliveryId): Promise<Delivery | null> =>
  one(
    db,
    Delivery,
    sql`
    WITH claimed AS (
      UPDATE webhook_delivery d SET attempt = attempt + 1, lease_until = now() + ${LEASE_SECONDS}::int * interval '1 second', next_attempt_at = NULL
       WHERE d.id = ${id} AND d.status = 'pending'
         AND (d.next_attempt_at <= now() OR (d.next_attempt_at IS NULL AND (d.lease_until IS NULL OR d.lease_until < now())))
      RETURNING d.*
    )
    SELECT c.id, c.tenant_id, c.generation_id, c.endpoint_id, c.type, coalesce(w.url, c.url) AS url, c.format, c.body, c.attempt,
           (SELECT traceparent FROM generation g WHERE g.id = c.generation_id) AS traceparent,
           c.attempt - c.attempts_before AS tries, array_remove(
             CASE WHEN w.id IS NULL THEN ARRAY[t.webhook_secret, CASE WHEN t.previous_webhook_secret_until > now() THEN t.previous_webhook_secret END]
                                    ELSE ARRAY[w.secret, CASE WHEN w.previous_secret_until > now() THEN w.previous_secret END] END, NULL) AS secrets,
           CASE WHEN c.endpoint_id IS NULL OR w.status = 'enabled' THEN NULL
                WHEN w.id IS NULL THEN 'the endpoint was deleted' ELSE 'the endpoint is disabled' END AS barred
      FROM claimed c JOIN tenant t ON t.id = c.tenant_id LEFT JOIN webhook_endpoint w ON w.id = c.endpoint_id`,
  );

const Settled = z.object({ disabled: z.string().nullable() });

/**
 * The log entry, the new state, the message of the next attempt, and what the attempt says about the endpoint: nothing of it when
 * another one has taken over meanwhile. `disabled`: the reason for which this has disabled the endpoint; the others are told.
 */
export async function settleDelivery(db: Db, { id, attempt }: Delivery, a: Attempt): Promise<z.infer<typeof Settled>> {
  const next = a.delayMs === null ? null : a.delayMs / 1000;
  const settled = await one(
    db,
    Settled,
    sql`
    WITH settled AS (
      UPDATE webhook_delivery SET status = ${a.status}, lease_until = NULL, next_attempt_at = now() + ${next}::float8 * interval '1 second',
             completed_at = CASE WHEN ${a.status} = 'pending' THEN NULL ELSE now() END
       WHERE id = ${id} AND attempt = ${attempt} AND status = 'pending'
      RETURNING id, tenant_id, endpoint_id, next_attempt_at
    ), logged AS (
      INSERT INTO webhook_attempt (delivery_id, attempt, status_code, duration_ms, error, response_excerpt)
      SELECT id, ${attempt}::int, ${a.statusCode}::int, ${a.durationMs}::int, ${a.error}::text, ${a.excerpt}::text FROM settled
    )${
      next === null
        ? empty
        : sql`, again AS (
      INSERT INTO outbox (job, queue, ref_id, n, tenant_id, available_at)
      SELECT 'deliver-webhook', 'webhooks', id, ${attempt + 1}::int, tenant_id, next_attempt_at FROM settled
    )`
    }, ${a.status === 'succeeded' ? recovered : failing(a.statusCode === 410)}
    SELECT (SELECT disabled_reason FROM disabled) AS disabled FROM settled`,
  );
  return settled ?? { disabled: null };
}

/** The endpoint's row is written only when something changes, so that deliveries do not wait for each other. */
const recovered = sql`
    recovered AS (
      UPDATE webhook_endpoint w SET failing_since = NULL FROM settled WHERE w.id = settled.endpoint_id AND w.failing_since IS NOT NULL
    ), disabled AS (
      SELECT NULL AS disabled_reason WHERE false
    )`;

const failing = (gone: boolean) => sql`
    failed AS (
      UPDATE webhook_endpoint w SET failing_since = now() FROM settled
       WHERE w.id = settled.endpoint_id AND w.status = 'enabled' AND w.failing_since IS NULL AND ${!gone}::boolean
    ), disabled AS (
      UPDATE webhook_endpoint w SET status = 'disabled', disabled_reason = ${gone ? 'receiver_gone' : 'failing'}, sequence = sequence + 1, updated_at = now()
        FROM settled
       WHERE w.id = settled.endpoint_id AND w.status = 'enabled'
         AND (${gone}::boolean OR w.failing_since <= now() - ${FAILING_DAYS}::int * interval '1 day')
      RETURNING w.*
    ), ${announced(
      'endpoint.disabled',
      sql`SELECT tenant_id, NULL AS generation_id, sequence, NULL AS url, 'standard' AS format,
                 jsonb_build_object('id', id, 'status', status, 'disabled_reason', disabled_reason, 'sequence', sequence) AS data FROM disabled`,
    )}`;
