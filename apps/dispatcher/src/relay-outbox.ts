/**
 * Moves messages from the outbox into the queue. A message leaves the outbox only after the queue has taken it, so it may arrive
 * twice and never not at all; a claim makes the second one harmless.
 *
 * The queue is kept shallow, because what is in it can no longer be ordered: tenants take turns, and within a tenant a priority is
 * a head start in time, so that nothing starves.
 */
import { QUEUES, type JobName, type QueueName } from '@likeness/contracts';
import type { Db } from '@likeness/platform/db';
import type { Parts } from './parts.ts';

const BATCH = 200;
/** Stages that wait in the queue of a class: two per slot, and some for workers that are not known yet. */
const PER_SLOT = 2;
const AT_LEAST = 8;

/** What may be relayed now, a fair share for everybody; `held` counts what has to wait for room. */
const NEXT = `
  WITH room AS (
    SELECT q.queue, CASE WHEN q.queue = 'webhooks' THEN ${BATCH} ELSE greatest(${AT_LEAST}, ${PER_SLOT} * coalesce(w.slots, 0)) - coalesce(s.waiting, 0) END AS free
      FROM unnest($1::text[]) AS q (queue)
      LEFT JOIN (SELECT class, sum(slots) AS slots FROM worker WHERE state IN ('idle', 'busy') AND seen_at > now() - interval '15 seconds' GROUP BY class) w ON w.class = q.queue
      LEFT JOIN (SELECT queue, count(*) AS waiting FROM stage WHERE status = 'queued' AND enqueued_at IS NOT NULL GROUP BY queue) s ON s.queue = q.queue
  ), turns AS (
    SELECT id, queue, row_number() OVER (
             PARTITION BY queue, tenant_id
             ORDER BY available_at + CASE priority WHEN 'high' THEN interval '-60 seconds' WHEN 'low' THEN interval '60 seconds' ELSE interval '0' END, id) AS turn
      FROM outbox WHERE available_at <= now()
  ), places AS (
    SELECT turns.id, row_number() OVER (PARTITION BY turns.queue ORDER BY turn, turns.id) <= room.free AS fits FROM turns JOIN room USING (queue)
  )
  SELECT o.id, o.job, o.queue, o.ref_id, o.n FROM outbox o WHERE o.id IN (SELECT id FROM places WHERE fits)
   ORDER BY o.id LIMIT ${BATCH} FOR UPDATE SKIP LOCKED`;

interface Message {
  readonly id: string;
  readonly job: JobName;
  readonly queue: QueueName;
  readonly ref_id: string;
  readonly n: number;
}

/** Relays one batch. Returns how many went; throws when a queue or the database is away, and then the messages stay. */
export async function relayOutbox({ db, queues }: Pick<Parts, 'db' | 'queues'>): Promise<number> {
  return inTransaction(db, async (query) => {
    const messages = (await query(NEXT, [[...QUEUES]])) as Message[];
    if (messages.length === 0) return 0;
    for (const queue of QUEUES) {
      const mine = messages.filter((message) => message.queue === queue);
      if (mine.length > 0) await queues[queue].addBulk(mine.map(toJob));
    }
    await query(
      `WITH gone AS (DELETE FROM outbox WHERE id = ANY ($1::bigint[]) RETURNING ref_id, n)
       UPDATE stage SET enqueued = gone.n, enqueued_at = now() FROM gone WHERE stage.id = gone.ref_id AND stage.status = 'queued'`,
      [messages.map(({ id }) => id)],
    );
    return messages.length;
  });
}

/** The queue drops a second job of the same id while it knows the first. */
const toJob = ({ job, ref_id, n }: Message) => ({
  name: job,
  data: job === 'deliver-webhook' ? { deliveryId: ref_id } : { stageId: ref_id },
  opts: { jobId: `${ref_id}-${n}` },
});

async function inTransaction<T>(db: Db, work: (query: (text: string, values: unknown[]) => Promise<unknown[]>) => Promise<T>): Promise<T> {
  const client = await db.pool.connect();
  try {
    await client.query('BEGIN');
    const result = await work(async (text, values) => (await client.query(text, values)).rows as unknown[]);
    await client.query('COMMIT');
    client.release();
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    client.release(true);
    throw error;
  }
}
