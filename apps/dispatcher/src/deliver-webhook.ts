/** One attempt at one delivery: claim, sign, send, write down what came of it. */
import { LikenessError, type DeliveryId } from '@likeness/contracts';
import { EgressError } from '@likeness/platform/egress';
import { redact } from '@likeness/platform/telemetry';
import { parseRetryAfter, retryDelay, signWebhook } from '@likeness/platform/webhooks';
import { claimDelivery, settleDelivery, type Attempt, type Delivery } from './deliveries.store.ts';
import type { Parts } from './parts.ts';
import { webhookBody } from './webhook-body.ts';

const TIMEOUT_MS = 15_000;
/** Kept of an answer, for whoever looks for the reason of a failure. */
const EXCERPT_BYTES = 1_024;

/** What the receiver, or the way to it, made of an attempt. */
interface Answer {
  readonly outcome: 'succeeded' | 'failed' | 'retry';
  readonly statusCode: number | null;
  readonly error: string | null;
  readonly excerpt: string | null;
  readonly retryAfterMs: number | undefined;
}

/** Returns what came of it; `nothing_to_do` when it is delivered, given up, or being delivered by another. */
export async function deliverWebhook(parts: Parts, id: DeliveryId): Promise<string> {
  const delivery = await claimDelivery(parts.db, id);
  if (!delivery) return 'nothing_to_do';
  const start = performance.now();
  const span = { kind: 'client', parent: delivery.traceparent, attributes: { delivery_id: id, attempt: delivery.attempt } } as const;
  const sending = () => parts.tracing.span('webhook', span, () => send(parts, delivery));
  const answer = delivery.barred === null ? await sending() : unanswered('failed', delivery.barred);
  const attempt = { ...judge(delivery, answer), durationMs: Math.round(performance.now() - start) };
  const { disabled } = await settleDelivery(parts.db, delivery, attempt);
  const { status, statusCode, error } = attempt;
  parts.figures.webhook({ outcome: status }, attempt.durationMs / 1000);
  if (status !== 'succeeded')
    parts.log.info({ delivery: id, attempt: delivery.attempt, status, code: statusCode, error }, 'webhook not delivered');
  if (disabled)
    parts.log.warn({ endpoint: delivery.endpoint_id, tenant: delivery.tenant_id, reason: disabled }, 'webhook endpoint disabled');
  return status;
}

/** The schedule begins anew with every replay. */
function judge({ tries }: Delivery, { outcome, retryAfterMs, ...answer }: Answer): Omit<Attempt, 'durationMs'> {
  const delayMs = outcome === 'retry' ? retryDelay(tries, retryAfterMs) : null;
  return { ...answer, delayMs, status: outcome !== 'retry' ? outcome : delayMs === null ? 'exhausted' : 'pending' };
}

async function send(parts: Parts, delivery: Delivery): Promise<Answer> {
  const { id, url, secrets } = delivery;
  const body = await webhookBody(parts, delivery);
  try {
    const answer = await parts.egress.fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Likeness',
        ...signWebhook({ id, timestamp: new Date(), body, secrets }),
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
    if (error instanceof LikenessError) return unanswered('failed', error.message);
    if (error instanceof EgressError) return unanswered('retry', error.message);
    throw error;
  }
}

const unanswered = (outcome: Answer['outcome'], error: string): Answer => ({
  outcome,
  error,
  statusCode: null,
  excerpt: null,
  retryAfterMs: undefined,
});
