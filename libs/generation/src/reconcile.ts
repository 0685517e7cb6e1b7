/**
 * What may have gone wrong since the last look, put right: level-triggered, from rows alone. Run by one dispatcher at a time;
 * each repair is a fenced statement, so a second one would do no harm.
 */
import { LikenessError, StageName, type GenerationId, type StageId } from '@likeness/contracts';
import { many, sql, type Db } from '@likeness/platform/db';
import { z } from 'zod';
import { failStage, expire, requestCancelForDeadline, requeueStage, requeueUnknown, settleCancel } from './generation.store.ts';

const BATCH = 200;
/** A worker has 10 s to stop after a cancel, and a heartbeat to hear of it. */
const CANCEL_GRACE_SECONDS = 15;
const UNKNOWN_AFTER_SECONDS = 30;

const Lost = z.object({
  id: z.custom<StageId>(),
  generation_id: z.custom<GenerationId>(),
  attempt: z.number(),
  max_attempts: z.number(),
  name: StageName,
});

/** Stages whose worker has gone: again, or `worker_lost` when that was the last try. Returns how many. */
export async function reconcileLeases(db: Db): Promise<number> {
  const lost = await many(
    db,
    Lost,
    sql`SELECT id, generation_id, attempt, max_attempts, name FROM stage WHERE status = 'processing' AND lease_until < now() ORDER BY lease_until LIMIT ${BATCH}`,
  );
  for (const { name, max_attempts, ...stage } of lost) {
    const fence = { ...stage, lapsed: true };
    const error = new LikenessError(
      'worker_lost',
      `The worker was lost in attempt ${fence.attempt} of ${max_attempts} of the stage ${name}.`,
    );
    if (await settleCancel(db, fence.generation_id, 'idle')) continue;
    if (fence.attempt >= max_attempts) await failStage(db, fence, error.toJobError(name));
    else await requeueStage(db, fence, { error: error.toJobError(name) });
  }
  return lost.length;
}

const Overdue = z.object({ id: z.custom<GenerationId>() });

/** Generations past their deadline: expired when no worker had begun, else canceled with `deadline_exceeded`. Returns how many. */
export async function reconcileDeadlines(db: Db): Promise<number> {
  const overdue = await many(
    db,
    Overdue,
    sql`SELECT id FROM generation
         WHERE deadline_at <= now() AND status IN ('queued', 'processing') AND cancel_requested_at IS NULL ORDER BY deadline_at LIMIT ${BATCH}`,
  );
  for (const { id } of overdue) {
    if (await expire(db, id)) continue;
    if (await requestCancelForDeadline(db, id)) await settleCancel(db, id, 'idle');
  }
  return overdue.length;
}

const Canceling = z.object({ id: z.custom<GenerationId>(), overdue: z.boolean() });

/** Cancels that no worker has honoured: ended when nobody is at work, forced when the grace time is over. Returns how many. */
export async function reconcileCancels(db: Db): Promise<number> {
  const canceling = await many(
    db,
    Canceling,
    sql`SELECT id, cancel_requested_at < now() - ${CANCEL_GRACE_SECONDS}::int * interval '1 second' AS overdue FROM generation
         WHERE cancel_requested_at IS NOT NULL AND status IN ('queued', 'processing') ORDER BY cancel_requested_at LIMIT ${BATCH}`,
  );
  let ended = 0;
  for (const { id, overdue } of canceling) if (await settleCancel(db, id, overdue ? 'forced' : 'idle')) ended++;
  return ended;
}

const Waiting = z.object({ id: z.custom<StageId>(), queue: z.string(), enqueued: z.number() });

/**
 * Waiting stages that were relayed a while ago and that the queue does not know: it has lost them (a FLUSHALL, say). `knows` tells
 * whether a queue has a live job of an id. Returns how many were sent again.
 */
export async function reconcileUnknown(db: Db, knows: (queue: string, jobId: string) => Promise<boolean>): Promise<number> {
  const waiting = await many(
    db,
    Waiting,
    sql`SELECT id, queue, enqueued FROM stage
         WHERE status = 'queued' AND enqueued_at < now() - ${UNKNOWN_AFTER_SECONDS}::int * interval '1 second' ORDER BY enqueued_at LIMIT ${BATCH}`,
  );
  let again = 0;
  for (const { id, queue, enqueued } of waiting) if (!(await knows(queue, `${id}-${enqueued}`))) again += await requeueUnknown(db, id);
  return again;
}
