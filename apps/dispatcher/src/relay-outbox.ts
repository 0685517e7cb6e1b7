/**
 * Moves messages from the outbox into the queue. A message leaves the outbox only after the queue has taken it, so it may arrive
 * twice and never not at all; a claim makes the second one harmless.
 *
 * The queue is kept shallow, because what is in it can no longer be ordered: tenants take turns, and within a tenant a priority is
 * a head start in time, so that nothing starves.
 */
import { QUEUES, type JobName, type QueueName } from '@likeness/contracts';
import { one, sql, type Db } from '@likeness/platform/db';
import type { Queue } from 'bullmq';
import { z } from 'zod';
import type { Parts } from './parts.ts';

/** A round that moves this many may have left some. */
export const BATCH = 200;
/** Stages that wait in the queue of a class: two per slot, and some for workers that are not known yet. */
const PER_SLOT = 2;
const AT_LEAST = 8;

/**
 * What may be relayed now, in the order of its places in each queue. A tenant's turn counts what it has in the queue or at work
 * already, so that turns are fair when places become free one by one, too.
 *
 * A lane holds the messages of one queue, tenant and priority; its first ones are read from the index, so that a round costs the
 * same whether ten messages wait or a million.
 */
const NEXT = `
  WITH RECURSIVE held AS (
    SELECT queue, tenant_id, count(*) AS stages, count(*) FILTER (WHERE status = 'queued') AS waiting FROM stage
     WHERE status = 'processing' OR (status = 'queued' AND enqueued_at IS NOT NULL) GROUP BY queue, tenant_id
  ), room AS (
    SELECT q.queue, CASE WHEN q.queue IN (SELECT class FROM paused_class) THEN 0 WHEN q.queue = 'webhooks' THEN ${BATCH} ELSE greatest(${AT_LEAST}, ${PER_SLOT} * coalesce(w.slots, 0)) - coalesce(h.waiting, 0) END AS free
      FROM unnest($1::text[]) AS q (queue)
      LEFT JOIN (SELECT class, sum(slots) AS slots FROM worker WHERE state IN ('idle', 'busy') AND seen_at > now() - interval '15 seconds' GROUP BY class) w ON w.class = q.queue
      LEFT JOIN (SELECT queue, sum(waiting) AS waiting FROM held GROUP BY queue) h ON h.queue = q.queue
  ), lane AS (
    (SELECT queue, tenant_id, priority FROM outbox ORDER BY queue, tenant_id, priority LIMIT 1)
    UNION ALL
    SELECT after.* FROM lane CROSS JOIN LATERAL (
      SELECT queue, tenant_id, priority FROM outbox
       WHERE (queue, tenant_id, priority) > (lane.queue, lane.tenant_id, lane.priority) ORDER BY queue, tenant_id, priority LIMIT 1) AS after
  ), due AS (
    SELECT first.id, lane.queue, lane.tenant_id,
           first.available_at + CASE lane.priority WHEN 'high' THEN interval '-60 seconds' WHEN 'low' THEN interval '60 seconds' ELSE interval '0' END AS since
      FROM lane JOIN room USING (queue) CROSS JOIN LATERAL (
        SELECT id, available_at FROM outbox o
         WHERE o.queue = lane.queue AND o.tenant_id = lane.tenant_id AND o.priority = lane.priority AND available_at <= now()
         ORDER BY available_at, id LIMIT least(greatest(free, 0) + 1, ${BATCH})) AS first
  ), turns AS (
    SELECT id, queue, since, coalesce(stages, 0) + row_number() OVER (PARTITION BY queue, tenant_id ORDER BY since, id) AS turn
      FROM due LEFT JOIN held USING (queue, tenant_id)
  ), places AS (
    SELECT id, place, queue, place > free AS waits FROM (
      SELECT id, queue, row_number() OVER (PARTITION BY queue ORDER BY turn, since, id) AS place FROM turns) AS placed JOIN room USING (queue)
  ), picked AS (
    SELECT message.*, place FROM (SELECT id, place FROM places WHERE NOT waits ORDER BY place, id LIMIT ${BATCH}) AS next CROSS JOIN LATERAL (
      SELECT o.id::text, o.job, o.queue, o.ref_id, o.n FROM outbox o WHERE o.id = next.id FOR UPDATE SKIP LOCKED) AS message
  )
  SELECT (SELECT coalesce(jsonb_agg(picked ORDER BY place, id::bigint), '[]') FROM picked) AS messages, ARRAY(SELECT DISTINCT queue FROM places WHERE waits) AS full`;

/**
 * Takes the messages out of the outbox and writes down what waits in the queue now: a stage until it is claimed, a delivery with a
 * lease, after which the reconciliation asks the queue for it. A claim may have come before; then there is nothing to write. The status is
 * a parameter, so that the stages are found by their ids and not in the index of all that wait.
 */
const RELAYED = `
  WITH gone AS (
    DELETE FROM outbox WHERE id = ANY ($1::bigint[]) RETURNING ref_id, n
  ), delivery AS (
    UPDATE webhook_delivery d SET lease_until = now() + interval '30 seconds', next_attempt_at = now()
      FROM gone WHERE d.id = gone.ref_id AND d.status = 'pending' AND d.attempt = gone.n - 1 AND d.lease_until IS NULL
  )
  UPDATE stage SET enqueued = last.n, enqueued_at = now() FROM (SELECT ref_id, max(n) AS n FROM gone GROUP BY ref_id) last
   WHERE stage.id = last.ref_id AND stage.status = ANY ($2) AND stage.enqueued <= last.n`;

interface Message {
  readonly id: string;
  readonly job: JobName;
  readonly queue: QueueName;
  readonly ref_id: string;
  readonly n: number;
}

/**
 * Relays one batch. Returns how many went; throws when a queue or the database is away, and then the messages stay.
 * `full` becomes the queues that have no room for more.
 */
export async function relayOutbox(
  { db, queues, figures }: Pick<Parts, 'db' | 'queues'> & Partial<Pick<Parts, 'figures'>>,
  full = new Set<QueueName>(),
): Promise<number> {
  return inTransaction(db, async (query) => {
    const [round] = (await query('relay-next', NEXT, [[...QUEUES]])) as { messages: Message[]; full: QueueName[] }[];
    full.clear();
    round?.full.forEach((queue) => full.add(queue));
    const messages = round?.messages ?? [];
    if (messages.length === 0) return 0;
    for (const queue of QUEUES) {
      const mine = messages.filter((message) => message.queue === queue);
      if (mine.length === 0) continue;
      await addTo(queues[queue], mine);
      figures?.relayed({ queue }, mine.length);
    }
    await query('relay-done', RELAYED, [messages.map(({ id }) => id), ['queued']]);
    return messages.length;
  });
}

/** How long the relay may sleep: until the next message is due, a second at most. */
export async function millisecondsToNext(db: Db): Promise<number> {
  const next = await one(
    db,
    z.object({ ms: z.number() }),
    sql`SELECT least(1000, 1 + 1000 * extract(epoch FROM min(available_at) - now()))::float8 AS ms FROM outbox
         WHERE queue = ANY (${[...QUEUES]}::text[]) AND available_at > now() AND available_at < now() + interval '1 second'`,
  );
  return next?.ms ?? 1_000;
}

/** For a batch BullMQ's Postgres backend makes two temporary tables, which takes 9 ms; a single job takes one. */
const FEW = 4;

async function addTo(queue: Queue, messages: readonly Message[]): Promise<void> {
  const jobs = messages.map(toJob);
  if (jobs.length > FEW) await queue.addBulk(jobs);
  else for (const { name, data, opts } of jobs) await queue.add(name, data, opts);
}

/** The queue drops a second job of the same id while it knows the first. */
const toJob = ({ job, ref_id, n }: Message) => ({
  name: job,
  data: job === 'deliver-webhook' ? { deliveryId: ref_id } : { stageId: ref_id },
  opts: { jobId: `${ref_id}-${n}` },
});

/**
 * A round that a crash of the server takes back is made again, and what had gone goes twice: no reason to wait for the disk, with stages
 * locked that a worker wants to claim. Without bitmaps the first messages of a lane are read in the order of the index, also where the outbox was
 * empty when it was last analysed.
 */
const BEGIN = 'BEGIN; SET LOCAL synchronous_commit = off; SET LOCAL enable_bitmapscan = off';

type Query = (name: string, text: string, values: unknown[]) => Promise<unknown[]>;

async function inTransaction<T>(db: Db, work: (query: Query) => Promise<T>): Promise<T> {
  const client = await db.pool.connect();
  let broken = false;
  const onError = () => void (broken = true); // while the queue is waited for nobody else hears of it, and it would end the process
  client.on('error', onError);
  try {
    await client.query(BEGIN);
    const result = await work(async (name, text, values) => (await client.query({ name, text, values })).rows as unknown[]);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    broken = true; // closing the connection is the rollback
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
}
