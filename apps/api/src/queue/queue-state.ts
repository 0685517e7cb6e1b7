/** Demand and slots of each worker class, derived from rows: nothing is counted up and down. */
import { WORKER_CLASSES, type QueueState } from '@likeness/contracts';
import { many, sql, type Db } from '@likeness/platform/db';
import { z } from 'zod';

/** Slots of the workers that are ready; one that has not been seen for 15 s is gone. */
export const liveSlots = sql`
  SELECT class, sum(slots) AS slots FROM worker WHERE state IN ('idle', 'busy') AND seen_at > now() - interval '15 seconds' GROUP BY class`;

const ClassRow = z.object({
  class: z.enum(WORKER_CLASSES),
  demand: z.number(),
  queued: z.number(),
  processing: z.number(),
  slots: z.number(),
  oldest_seconds: z.number(),
});

/** Every class is there, with zeros when it is idle. */
export async function readQueueState(db: Db): Promise<QueueState> {
  const rows = await many(
    db,
    ClassRow,
    sql`
      SELECT c.class, coalesce(s.queued + s.processing, 0)::int AS demand, coalesce(s.queued, 0)::int AS queued, coalesce(s.processing, 0)::int AS processing,
             coalesce(w.slots, 0)::int AS slots, coalesce(s.oldest_seconds, 0)::float8 AS oldest_seconds
        FROM unnest(${[...WORKER_CLASSES]}::text[]) WITH ORDINALITY AS c (class, place)
        LEFT JOIN (
          SELECT queue, count(*) FILTER (WHERE status = 'queued') AS queued, count(*) FILTER (WHERE status = 'processing') AS processing,
                 extract(epoch FROM now() - min(queued_at) FILTER (WHERE status = 'queued')) AS oldest_seconds
            FROM stage WHERE status IN ('queued', 'processing') GROUP BY queue
        ) s ON s.queue = c.class
        LEFT JOIN (${liveSlots}) w ON w.class = c.class ORDER BY c.place`,
  );
  return Object.fromEntries(rows.map(({ class: name, ...state }) => [name, state])) as QueueState;
}
