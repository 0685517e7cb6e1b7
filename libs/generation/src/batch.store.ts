/** What is done with all generations of a batch. Each of them changes by the statements of `generation.store.ts`. */
import type { BatchId, GenerationId, TenantId } from '@likeness/contracts';
import { exec, many, sql, type Db } from '@likeness/platform/db';
import { z } from 'zod';
import { announced } from './announce.ts';
import { settleCancel } from './generation.store.ts';
import { notified, recorded } from './statement-parts.ts';

const AT_ONCE = 8;
const ENDED_AT_ONCE = 100;
const Id = z.object({ id: z.custom<GenerationId>() });

/**
 * Asks for the cancel of all that are under way, in one statement: from now on none of them can be claimed or completed. Those that no
 * worker holds end here; returns those that one does.
 */
export async function cancelBatch(db: Db, tenantId: TenantId, batchId: BatchId): Promise<GenerationId[]> {
  const asked = await many(
    db,
    Id,
    sql`
    WITH locked AS (
      SELECT id FROM generation
       WHERE batch_id = ${batchId} AND tenant_id = ${tenantId} AND status IN ('queued', 'processing') AND cancel_requested_at IS NULL
       ORDER BY id FOR UPDATE
    ), canceling AS (
      UPDATE batch SET cancel_requested_at = now()
       WHERE id = ${batchId} AND completed_at IS NULL AND cancel_requested_at IS NULL AND EXISTS (SELECT FROM locked)
    ), moved AS (
      UPDATE generation g SET cancel_requested_at = now(), sequence = sequence + 1 FROM locked WHERE g.id = locked.id RETURNING g.*
    ), ${recorded('status')}
    SELECT id, ${notified} FROM moved`,
  );
  const atWork: GenerationId[] = [];
  const next = asked.values();
  const settle = async () => {
    for (const { id } of next) if (!(await settleCancel(db, id, 'idle'))) atWork.push(id);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, settle));
  return atWork;
}

/**
 * Notices the ends of batches, and tells of each once: `completed_at` is the fence. Level-triggered, so that no end of a generation has
 * to touch the row of its batch, whatever ends at the same time. Returns how many have ended.
 */
export const completeBatches = (db: Db): Promise<number> =>
  exec(
    db,
    sql`
    WITH ended AS (
      SELECT id FROM batch b
       WHERE completed_at IS NULL
         AND NOT EXISTS (SELECT FROM generation g WHERE g.batch_id = b.id AND g.status IN ('queued', 'processing'))
       ORDER BY id LIMIT ${ENDED_AT_ONCE} FOR UPDATE SKIP LOCKED
    ), done AS (
      UPDATE batch b SET completed_at = now() FROM ended WHERE b.id = ended.id AND b.completed_at IS NULL RETURNING b.*
    ), ${announced(
      'batch.completed',
      sql`
      SELECT tenant_id, NULL::text AS generation_id, 1 AS sequence, webhook_url AS url, 'standard' AS format,
             jsonb_build_object('id', id, 'status', CASE WHEN cancel_requested_at IS NULL THEN 'completed' ELSE 'canceled' END, 'sequence', 1,
               'counts', jsonb_build_object('total', total, 'accepted', accepted, 'rejected', total - accepted,
                                            'succeeded', succeeded, 'failed', failed, 'canceled', canceled)) AS data
        FROM done
       CROSS JOIN LATERAL (SELECT count(*) AS total, count(generation_id) AS accepted FROM batch_item WHERE batch_id = done.id) AS i
       CROSS JOIN LATERAL (
         SELECT count(*) FILTER (WHERE status = 'succeeded') AS succeeded, count(*) FILTER (WHERE status = 'failed') AS failed,
                count(*) FILTER (WHERE status IN ('canceled', 'expired')) AS canceled
           FROM generation WHERE batch_id = done.id) AS g`,
    )}
    SELECT id FROM done`,
  );
