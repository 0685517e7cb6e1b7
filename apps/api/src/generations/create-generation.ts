/**
 * A request becomes a job. Everything that can be refused is refused before one statement makes it all: the idempotency key, the
 * generation, its first stage, the message that will start it, and the event that it exists. No queue is asked; the message waits
 * in the outbox until the dispatcher relays it.
 */
import { cancelAfterSeconds, LikenessError, newId, type AcceptedInput, type GenerationId, type PackSummary } from '@likeness/contracts';
import { FIRST_STAGE, flow } from '@likeness/generation';
import { json, one, sql, type Db } from '@likeness/platform/db';
import { z } from 'zod';
import type { Principal } from '../http/api-keys.ts';
import { claimKey, keyIsOurs, type IdempotentRequest } from '../http/idempotency.ts';
import type { Parts } from '../parts.ts';
import { keepPicture } from '../uploads/keep-picture.ts';
import type { CreateRequest } from './read-create-request.ts';
import { resolveInput } from './resolve-input.ts';

/**
 * The id of the new generation; null when another request has used the idempotency key meanwhile.
 * @throws LikenessError `validation_failed`, `input_url_blocked`, `webhook_url_blocked`, `image_unreadable`, `image_too_small`,
 *   `upload_invalid`, `queue_full`, `storage_unavailable`
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
  return insertGeneration(parts.db, principal, { ...body, input: { ...input, reference_images: references }, pack }, idempotent);
}

/** Bytes become an upload; ids and URLs stay what they are. */
async function referenceOf(parts: Parts, { tenantId }: Principal, reference: CreateRequest['references'][number]): Promise<string> {
  if (typeof reference === 'string') return reference;
  const upload = await keepPicture(parts, tenantId, reference);
  if (!upload) throw new Error('an upload without a key is always made');
  return upload.id;
}

type NewGeneration = Omit<CreateRequest['body'], 'input' | 'pack'> & { readonly input: AcceptedInput; readonly pack: PackSummary };

const Outcome = z.object({ unusable: z.array(z.string()), room: z.boolean().nullable(), created: z.boolean() });

async function insertGeneration(
  db: Db,
  { tenantId, maxActive }: Principal,
  wanted: NewGeneration,
  idempotent?: IdempotentRequest,
): Promise<GenerationId | null> {
  const id = newId('generation');
  const stageId = newId('stage');
  const { job, queue } = flow[FIRST_STAGE];
  const { name, version, trained } = wanted.pack;
  const priority = wanted.priority ?? 'normal';
  const uploads = wanted.input.reference_images.filter((reference) => !reference.startsWith('http'));
  const deadlineSeconds = wanted.cancel_after === undefined ? null : cancelAfterSeconds(wanted.cancel_after);

  const outcome = await one(
    db,
    Outcome,
    sql`
    WITH unusable AS (
      SELECT wanted.id FROM unnest(${uploads}::text[]) AS wanted (id)
       WHERE NOT EXISTS (SELECT FROM upload u WHERE u.id = wanted.id AND u.tenant_id = ${tenantId} AND u.status = 'ready' AND u.expires_at > now())
    ), admitted AS MATERIALIZED (
      SELECT has_room(${tenantId}, ${maxActive}::int) AS room WHERE NOT EXISTS (SELECT FROM unusable)
    ), claimed AS (
      ${claimKey(tenantId, idempotent, { id, status: 202 }, sql`(SELECT room FROM admitted)`)}
    ), created AS (
      INSERT INTO generation (id, tenant_id, status, stage, input, pack, priority, metadata, webhook_url, webhook_events, retention, deadline_at)
      SELECT ${id}, ${tenantId}, 'queued', ${FIRST_STAGE}, ${json(wanted.input)}::jsonb, ${json({ name, version, trained })}::jsonb, ${priority},
             ${json(wanted.metadata ?? {})}::jsonb, ${wanted.webhook ?? null}, ${wanted.webhook_events_filter ?? ['completed']}::text[],
             ${wanted.retention ?? 'P30D'}::interval, now() + ${deadlineSeconds}::float8 * interval '1 second'
        FROM admitted WHERE room AND ${keyIsOurs(idempotent)}
      RETURNING id, sequence
    ), staged AS (
      INSERT INTO stage (id, generation_id, tenant_id, name, queue, status)
      SELECT ${stageId}, id, ${tenantId}, ${FIRST_STAGE}, ${queue}, 'queued' FROM created
    ), relayed AS (
      INSERT INTO outbox (job, queue, ref_id, n, tenant_id, priority)
      SELECT ${job}, ${queue}, ${stageId}, 1, ${tenantId}, ${priority} FROM created
    ), recorded AS (
      INSERT INTO event (generation_id, tenant_id, sequence, type, data)
      SELECT id, ${tenantId}, sequence, 'status', ${json({ status: 'queued', stage: FIRST_STAGE, progress: null })}::jsonb FROM created
    )
    SELECT ARRAY(SELECT id FROM unusable) AS unusable, (SELECT room FROM admitted) AS room,
           (SELECT count(pg_notify('outbox', ${queue})) > 0 FROM created) AS created`,
  );

  if (!outcome) throw new Error('the statement has exactly one row');
  const [unusable] = outcome.unusable;
  if (unusable !== undefined) throw new LikenessError('upload_invalid', `The upload ${unusable} is missing, not ready, or expired.`);
  if (!outcome.room)
    throw new LikenessError('queue_full', `${maxActive} generations may be under way at once, and as many are.`, { retryAfter: 5 });
  return outcome.created ? id : null;
}
