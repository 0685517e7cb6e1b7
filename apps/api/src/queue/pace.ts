/** How fast the queue of new generations moves: seconds from one start to the next. An estimate, so it may be some seconds old. */
import { flow, FIRST_STAGE } from '@likeness/generation';
import { one, sql, type Db } from '@likeness/platform/db';
import { z } from 'zod';
import { liveSlots } from './queue-state.ts';

const REMEMBERED_MS = 5_000;
const PaceRow = z.object({ stage_seconds: z.number(), slots: z.number() });

export type Pace = () => Promise<number>;

export function createPace(db: Db, now: () => number = Date.now): Pace {
  let known: { until: number; seconds: Promise<number> } | undefined;
  return () => {
    if (known && known.until > now()) return known.seconds;
    const seconds = readPace(db);
    known = { until: now() + REMEMBERED_MS, seconds };
    seconds.catch(() => (known = undefined));
    return seconds;
  };
}

/** From the stages made lately; 0 as long as there are none. */
async function readPace(db: Db): Promise<number> {
  const row = await one(
    db,
    PaceRow,
    sql`
      SELECT coalesce(avg(extract(epoch FROM completed_at - started_at)), 0)::float8 AS stage_seconds,
             coalesce((SELECT slots FROM (${liveSlots}) AS w WHERE class = ${flow[FIRST_STAGE].queue}), 1)::int AS slots
        FROM (SELECT name, status, started_at, completed_at FROM stage ORDER BY id DESC LIMIT 500) AS lately
       WHERE name = ${FIRST_STAGE} AND status = 'succeeded'`,
  );
  return row ? row.stage_seconds / Math.max(1, row.slots) : 0;
}
