/** Deliveries that nobody answers for any more: their lease is over. Run by one dispatcher at a time. */
import { many, one, sql, type Db } from '@likeness/platform/db';
import { RETRY_SCHEDULE } from '@likeness/platform/webhooks';
import { z } from 'zod';

const BATCH = 200;

/** Attempts whose dispatcher was lost: made again at once, as long as there are attempts left. Returns how many were lost. */
export async function reconcileLostAttempts(db: Db): Promise<number> {
  const row = await one(
    db,
    z.object({ lost: z.number() }),
    sql`
    WITH lost AS (
      UPDATE webhook_delivery
         SET lease_until = NULL, next_attempt_at = CASE WHEN attempt - attempts_before < ${RETRY_SCHEDULE.length}::int THEN now() END,
             status = CASE WHEN attempt - attempts_before < ${RETRY_SCHEDULE.length}::int THEN 'pending' ELSE 'exhausted' END,
             completed_at = CASE WHEN attempt - attempts_before < ${RETRY_SCHEDULE.length}::int THEN NULL ELSE now() END
       WHERE id IN (SELECT id FROM webhook_delivery WHERE status = 'pending' AND lease_until < now() AND next_attempt_at IS NULL
                     ORDER BY lease_until LIMIT ${BATCH} FOR UPDATE SKIP LOCKED)
      RETURNING id, tenant_id, attempt, status
    ), logged AS (
      INSERT INTO webhook_attempt (delivery_id, attempt, duration_ms, error)
      SELECT id, attempt, 0, 'the dispatcher was lost during the attempt' FROM lost
    ), again AS (
      INSERT INTO outbox (job, queue, ref_id, n, tenant_id)
      SELECT 'deliver-webhook', 'webhooks', id, attempt + 1, tenant_id FROM lost WHERE status = 'pending'
      RETURNING pg_notify('outbox', queue)
    )
    SELECT count(*)::int AS lost FROM lost`,
  );
  return row?.lost ?? 0;
}

/** What the reconciliation asks of the queue of webhooks. */
export interface WebhookQueue {
  /** Whether a job of this id will still be worked on. */
  knows(jobId: string): Promise<boolean>;
  /** Makes room for a job of the same id. */
  forget(jobId: string): Promise<unknown>;
}

const Waiting = z.object({ id: z.string(), attempt: z.number() });

/**
 * Attempts that were relayed a while ago. Those that the queue knows wait on; those that it has lost (a FLUSHALL, say), or gave up
 * before they were claimed, are sent again. Returns how many.
 */
export async function reconcileUnknownDeliveries(db: Db, queue: WebhookQueue): Promise<number> {
  const waiting = await many(
    db,
    Waiting,
    sql`SELECT id, attempt FROM webhook_delivery
         WHERE status = 'pending' AND lease_until < now() AND next_attempt_at IS NOT NULL ORDER BY lease_until LIMIT ${BATCH}`,
  );
  let again = 0;
  for (const { id, attempt } of waiting) {
    const jobId = `${id}-${attempt + 1}`;
    const known = await queue.knows(jobId);
    if (!known) await queue.forget(jobId);
    const row = await one(
      db,
      z.object({ again: z.number() }),
      sql`
      WITH asked AS (
        UPDATE webhook_delivery SET lease_until = CASE WHEN ${known}::boolean THEN now() + interval '30 seconds' END
         WHERE id = ${id} AND attempt = ${attempt} AND status = 'pending' AND next_attempt_at IS NOT NULL
        RETURNING id, tenant_id, attempt, lease_until
      ), again AS (
        INSERT INTO outbox (job, queue, ref_id, n, tenant_id)
        SELECT 'deliver-webhook', 'webhooks', id, attempt + 1, tenant_id FROM asked WHERE lease_until IS NULL
        RETURNING pg_notify('outbox', queue)
      )
      SELECT count(*)::int AS again FROM again`,
    );
    again += row?.again ?? 0;
  }
  return again;
}
