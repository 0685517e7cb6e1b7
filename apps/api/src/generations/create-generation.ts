/**
 * A request becomes a job. Everything that can be refused is refused before one statement makes it all (`insert-generations.ts`).
 * No queue is asked; the message waits in the outbox until the dispatcher relays it.
 */
import { cancelAfterSeconds, newId, type GenerationId } from '@likeness/contracts';
import type { Db } from '@likeness/platform/db';
import type { Principal } from '../http/api-keys.ts';
import type { IdempotentRequest } from '../http/idempotency.ts';
import type { Parts } from '../parts.ts';
import { keepPicture } from '../uploads/keep-picture.ts';
import { insertGenerations, refusalOf, type Insertion, type NewGeneration } from './insert-generations.ts';
import type { CreateRequest } from './read-create-request.ts';
import { resolveInput } from './resolve-input.ts';

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
  const { packs, config, egress } = parts;
  const { body } = request;
  const { input, pack } = resolveInput(body.input, packs, config.DEFAULT_PACK);
  const urls = request.references.filter((reference) => typeof reference === 'string' && reference.startsWith('http')) as string[];
  await Promise.all(urls.map((url) => egress.check(url, 'input_url_blocked')));
  if (body.webhook !== undefined) await egress.check(body.webhook, 'webhook_url_blocked');
  const references = await Promise.all(request.references.map((reference) => referenceOf(parts, principal, reference)));
  const { priority, metadata, retention, webhook, webhook_events_filter: webhook_events, cancel_after } = body;
  const deadline_seconds = cancel_after === undefined ? null : cancelAfterSeconds(cancel_after);
  const wanted = {
    input: { ...input, reference_images: references },
    pack,
    priority,
    metadata,
    retention,
    webhook,
    webhook_events,
    webhook_format: request.webhookFormat,
    deadline_seconds,
  };
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

/** Bytes become an upload; ids and URLs stay what they are. */
async function referenceOf(parts: Parts, { tenantId }: Principal, reference: CreateRequest['references'][number]): Promise<string> {
  if (typeof reference === 'string') return reference;
  const upload = await keepPicture(parts, tenantId, reference);
  if (!upload) throw new Error('an upload without a key is always made');
  return upload.id;
}
