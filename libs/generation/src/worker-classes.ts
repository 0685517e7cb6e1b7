/** Worker classes that an administrator stops and starts again. A paused class gets nothing and claims nothing; what it holds ends. */
import type { StageId, WorkerClass } from '@likeness/contracts';
import { exec, many, one, sql, type Db } from '@likeness/platform/db';
import { z } from 'zod';
import { requeueUnknown } from './generation.store.ts';

const Paused = z.object({ paused_at: z.date() });

/** Since when it is paused: since this, or since before. */
export async function pauseClass(db: Db, name: WorkerClass): Promise<Date> {
  const row = await one(
    db,
    Paused,
    sql`INSERT INTO paused_class AS p (class) VALUES (${name}) ON CONFLICT (class) DO UPDATE SET paused_at = p.paused_at RETURNING paused_at`,
  );
  if (!row) throw new Error('an upsert gives its row');
  return row.paused_at;
}

/** Messages that the class met while it was paused are gone: whatever waits without one in the outbox is sent once more. */
export async function resumeClass(db: Db, name: WorkerClass): Promise<void> {
  if ((await exec(db, sql`DELETE FROM paused_class WHERE class = ${name}`)) === 0) return;
  const waiting = await many(
    db,
    z.object({ id: z.custom<StageId>() }),
    sql`SELECT id FROM stage WHERE queue = ${name} AND status = 'queued' AND enqueued_at IS NOT NULL`,
  );
  for (const { id } of waiting) await requeueUnknown(db, id);
  await exec(db, sql`SELECT pg_notify('outbox', ${name})`);
}
