/** The log of webhooks is kept for a while, also of those that were given up, so that they can be replayed. */
import { newId } from '@likeness/contracts';
import { exec, sql, type Db } from '@likeness/platform/db';

const KEPT_DAYS = 30;
export const DELIVERY_BATCH = 1_000;

/**
 * Removes one batch of what has been over for as long. An id tells when a delivery was made, so the primary key finds the oldest; what is
 * still pending, after a replay, goes once it is over.
 */
export function sweepDeliveries(db: Db, now: number = Date.now()): Promise<number> {
  const oldestKept = newId('delivery', now - KEPT_DAYS * 86_400_000);
  return exec(
    db,
    sql`DELETE FROM webhook_delivery WHERE id IN (
          SELECT id FROM webhook_delivery
           WHERE id < ${oldestKept} AND status <> 'pending' AND completed_at < now() - ${KEPT_DAYS}::int * interval '1 day'
           ORDER BY id LIMIT ${DELIVERY_BATCH})`,
  );
}
