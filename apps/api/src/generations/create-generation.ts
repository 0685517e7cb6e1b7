/**
 * A request becomes a job. Everything that can be refused is refused before one statement makes it all (`insert-generations.ts`).
 * No queue is asked; the message waits in the outbox until the dispatcher relays it.
 */
import { cancelAfterSeconds, newId, type GenerationId } from '@likeness/contracts';
import type { Db } from '@likeness/platform/db';
import type { Principal } from '../http/api-keys.ts';
import type { IdempotentRequest } from '../http/idempotency.ts';
import type { Parts } from '../parts.ts';
import { acceptInput } from './accept-input.ts';
import { insertGenerations, refusalOf, type Insertion, type NewGeneration } from './insert-generations.ts';
import type { CreateRequest } from './read-create-request.ts';

/**
 * The id of the new generation; null when another request has used the idempotency key meanwhile.
 * @throws LikenessError `validation_failed`, `input_url_blocked`, `webhook_url_blocked`, `image_unreadable`, `image_too_small`,
 *   `upload_invalid`, `queue_full`, `quota_exceeded`, `storage_unavailable`
 */
export async function createGeneration(
  parts: Parts,
  principal: Principal,
  request: CreateRequest,
  idempotent: IdempotentRequest | undefined,
): Promise<GenerationId | null> {
  const { body, references } = request;
  if (body.webhook !== undefined) await parts.egress.check(body.webhook, 'webhook_url_blocked');
  const accepted = await acceptInput(parts, principal, body.input, references);
  const { priority, metadata, retention, webhook, webhook_events_filter: webhook_events, cancel_after } = body;
  const deadline_seconds = cancel_after === undefined ? null : cancelAfterSeconds(cancel_after);
  const webhook_format = request.webhookFormat;
  const wanted = { ...accepted, priority, metadata, retention, webhook, webhook_events, webhook_format, deadline_seconds };
  return insertGeneration(parts.db, principal, wanted, { idempotent, traceparent: parts.tracing.current() });
}

/** Makes one generation, or says why not. Null when another request has used the idempotency key meanwhile. */
export async function insertGeneration(
  db: Db,
  principal: Principal,
  wanted: Omit<NewGeneration, 'id'>,
  options: Pick<Insertion, 'idempotent' | 'expiredUploads' | 'traceparent'>,
): Promise<GenerationId | null> {
  const id = newId('generation');
  const [judgement] = await insertGenerations(db, principal, [{ ...wanted, id }], { ...options, resourceId: id });
  if (!judgement) throw new Error('every generation is judged');
  const refusal = refusalOf(judgement);
  if (refusal) throw refusal;
  return judgement.created ? id : null;
}
