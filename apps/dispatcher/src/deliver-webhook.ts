/** One attempt at one delivery: claim, sign, send, write down what came of it. */
import { LikenessError, type DeliveryId } from '@likeness/contracts';
import { empty, one, sql, type Db } from '@likeness/platform/db';
import { EgressError } from '@likeness/platform/egress';
import { redact } from '@likeness/platform/telemetry';
import { parseRetryAfter, retryDelay, signWebhook } from '@likeness/platform/webhooks';
import { z } from 'zod';
import type { Parts } from './parts.ts';

const TIMEOUT_MS = 15_000;
const LEASE_SECONDS = 30;
/** Kept of an answer, for whoever looks for the reason of a failure. */
const EXCERPT_BYTES = 1_024;

const Delivery = z.object({ id: z.custom<DeliveryId>(), url: z.string(), body: z.unknown(), attempt: z.number(), secret: z.string() });
type Delivery = z.infer<typeof Delivery>;

interface Attempt {
  readonly outcome: 'succeeded' | 'failed' | 'retry';
  readonly statusCode: number | null;
  readonly error: string | null;
  readonly excerpt: string | null;
  readonly retryAfterMs: number | undefined;
}

/** Returns what came of it; `nothing_to_do` when it is delivered, given up, or being delivered by another. */
export async function deliverWebhook({ db, egress, log }: Pick<Parts, 'db' | 'egress' | 'log'>, id: DeliveryId): Promise<string> {
  const delivery = await claimDelivery(db, id);
  if (!delivery) return 'nothing_to_do';
  const start = performance.now();
  const attempt = await send(egress, delivery);
  const durationMs = Math.round(performance.now() - start);
  const delay = attempt.outcome === 'retry' ? retryDelay(delivery.attempt, attempt.retryAfterMs) : null;
  const status = attempt.outcome === 'retry' ? (delay === null ? 'exhausted' : 'pending') : attempt.outcome;
  await settle(db, delivery, { ...attempt, status, delay, durationMs });
  if (status !== 'succeeded')
    log.info({ delivery: id, attempt: delivery.attempt, status, code: attempt.statusCode, error: attempt.error }, 'webhook not delivered');
  return status;
}

/**
 * `next_attempt_at` is set while an attempt waits, in the outbox or in the queue; a lease then is the relay's. While an attempt is
 * under way it is null, and nobody else may claim before the lease is over.
 */
const claimDelivery = (db: Db, id: DeliveryId): Promise<Delivery | null> =>
  one(
    db,
    Delivery,
    sql`
    UPDATE webhook_delivery d SET attempt = attempt + 1, lease_until = now() + ${LEASE_SECONDS}::int * interval '1 second', next_attempt_at = NULL
      FROM tenant t
     WHERE d.id = ${id} AND d.status = 'pending' AND t.id = d.tenant_id
       AND (d.next_attempt_at <= now() OR (d.next_attempt_at IS NULL AND (d.lease_until IS NULL OR d.lease_until < now())))
    RETURNING d.id, d.url, d.body, d.attempt, t.webhook_secret AS secret`,
  );

async function send(egress: Parts['egress'], { id, url, body: content, secret }: Delivery): Promise<Attempt> {
  const body = JSON.stringify(content);
  const failed = (outcome: Attempt['outcome'], error: string): Attempt => ({
    outcome,
    error,
    statusCode: null,
    excerpt: null,
    retryAfterMs: undefined,
  });
  try {
    const answer = await egress.fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Likeness',
        ...signWebhook({ id, timestamp: new Date(), body, secrets: [secret] }),
      },
      body,
      timeoutMs: TIMEOUT_MS,
      maxBytes: EXCERPT_BYTES,
      blockedCode: 'webhook_url_blocked',
    });
    const good = answer.status >= 200 && answer.status < 300;
    return {
      // 410 says: never again. A redirect is a failure: nobody has checked where it leads.
      outcome: good ? 'succeeded' : answer.status === 410 ? 'failed' : 'retry',
      statusCode: answer.status,
      error: good ? null : `the receiver answered ${answer.status}`,
      excerpt: redact(Buffer.from(answer.body).toString('utf8').replaceAll('\0', '')).slice(0, EXCERPT_BYTES),
      retryAfterMs: parseRetryAfter(answer.headers['retry-after']),
    };
  } catch (error) {
    if (error instanceof LikenessError) return failed('failed', error.message);
    if (error instanceof EgressError) return failed('retry', error.message);
    throw error;
  }
}

interface Settlement extends Attempt {
  readonly status: string;
  readonly delay: number | null;
  readonly durationMs: number;
}

/** The log entry, the new state and the message of the next attempt: one statement, unless another one has taken over meanwhile. */
async function settle(db: Db, { id, attempt }: Delivery, s: Settlement): Promise<void> {
  const next = s.delay === null ? null : s.delay / 1000;
  await one(
    db,
    z.object({ id: z.string() }),
    sql`
    WITH settled AS (
      UPDATE webhook_delivery SET status = ${s.status}, lease_until = NULL, next_attempt_at = now() + ${next}::float8 * interval '1 second',
             completed_at = CASE WHEN ${s.status} = 'pending' THEN NULL ELSE now() END
       WHERE id = ${id} AND attempt = ${attempt} AND status = 'pending'
      RETURNING id, tenant_id, next_attempt_at
    ), logged AS (
      INSERT INTO webhook_attempt (delivery_id, attempt, status_code, duration_ms, error, response_excerpt)
      SELECT id, ${attempt}::int, ${s.statusCode}::int, ${s.durationMs}::int, ${s.error}::text, ${s.excerpt}::text FROM settled
    )${
      next === null
        ? empty
        : sql`, again AS (
      INSERT INTO outbox (job, queue, ref_id, n, tenant_id, available_at)
      SELECT 'deliver-webhook', 'webhooks', id, ${attempt + 1}::int, tenant_id, next_attempt_at FROM settled
    )`
    }
    SELECT id FROM settled`,
  );
}
