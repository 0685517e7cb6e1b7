/** The same again: a new generation with the input of one that has ended, its seed included. */
import { isTerminal, LikenessError, type AcceptedInput, type GenerationId } from '@likeness/contracts';
import { one, sql, type Db } from '@likeness/platform/db';
import { z } from 'zod';
import type { Principal } from '../http/api-keys.ts';
import type { IdempotentRequest } from '../http/idempotency.ts';
import type { Parts } from '../parts.ts';
import { insertGeneration } from './create-generation.ts';
import { knownGeneration } from './generations.store.ts';

/** What a reader does not see of a generation, and its repetition needs. */
const Order = z.object({
  webhook: z.string().nullable(),
  webhook_events: z.array(z.string()),
  webhook_format: z.enum(['standard', 'replicate']),
  retention: z.string(),
  deadline_seconds: z.number().nullable(),
});

/**
 * Also for whoever works through what has failed: `principal` is the generation's tenant. Null when another request has used the
 * idempotency key meanwhile.
 * @throws LikenessError `not_found`, `not_terminal`, `data_expired`, `model_unavailable`, `queue_full`, `quota_exceeded`
 */
export async function retryGeneration(
  { db, packs, tracing }: Pick<Parts, 'db' | 'packs' | 'tracing'>,
  principal: Principal,
  id: string,
  idempotent?: IdempotentRequest,
): Promise<GenerationId | null> {
  const failed = await knownGeneration(db, principal.tenantId, id);
  if (!isTerminal(failed.status)) throw new LikenessError('not_terminal', `${id} is ${failed.status}.`, { retryAfter: 5 });
  if (failed.data_removed) throw new LikenessError('data_expired', `The input of ${id} was removed after its retention time.`);
  const { input, priority, metadata } = failed;
  const pack = packs.get(input.pack);
  if (!pack) throw new LikenessError('model_unavailable', `The pack ${input.pack}, which ${id} was made with, is not installed any more.`);
  const order = await orderOf(db, failed.id);
  const wanted = { input, pack, priority, metadata, ...order, retry_of: failed.id };
  const options = { idempotent, expiredUploads: true, traceparent: tracing.current() };
  return insertGeneration(db, principal, wanted, options).catch((error: unknown) => {
    throw error instanceof LikenessError && error.code === 'upload_invalid' ? picturesGone(id, input, error) : error;
  });
}

async function orderOf(db: Db, id: GenerationId): Promise<z.infer<typeof Order>> {
  const order = await one(
    db,
    Order,
    sql`SELECT webhook_url AS webhook, webhook_events, webhook_format, retention::text, extract(epoch FROM deadline_at - created_at)::float8 AS deadline_seconds
          FROM generation WHERE id = ${id}`,
  );
  if (!order) throw new LikenessError('not_found', `There is no generation ${id}.`);
  return order;
}

const picturesGone = (id: string, { reference_images }: AcceptedInput, cause: LikenessError) =>
  new LikenessError('data_expired', `The reference pictures of ${id} (${reference_images.join(', ')}) were removed.`, { cause });
