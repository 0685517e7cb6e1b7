/** What could not be done, once more. What has ended stays as it is: a failed generation is asked for again, under a new id. */
import { createHash } from 'node:crypto';
import { isId, LikenessError, type Redriven } from '@likeness/contracts';
import { retryGeneration } from '../generations/retry-generation.ts';
import type { Principal } from '../http/api-keys.ts';
import type { Parts } from '../parts.ts';
import { replayDelivery } from '../webhook-endpoints/deliveries.store.ts';
import { findDeadLetter } from './operations.store.ts';

/**
 * @throws LikenessError `not_found` for what is no dead letter any more, `endpoint_disabled`, and whatever a retry of the tenant's own
 *   would be refused with
 */
export async function redriveDeadLetter(parts: Parts, id: string): Promise<Redriven> {
  const letter = await findDeadLetter(parts.db, id);
  if (!letter) throw new LikenessError('not_found', `There is no dead letter ${id}.`);
  const { tenant_id: tenantId } = letter;
  if (isId('delivery', id)) {
    if (!(await replayDelivery(parts.db, tenantId, id))) throw new LikenessError('endpoint_disabled', `The endpoint of ${id} is disabled.`);
    return { id, generation_id: null, delivery_id: id };
  }
  const tenant: Principal = { tenantId, scopes: new Set(), rateLimitPerMinute: 0 };
  const once = { key: `redrive ${id}`, hash: createHash('sha256').update(id).digest() }; // asked for twice at once, it is made once
  const { made } = await parts.idempotency.once(
    tenantId,
    once,
    () => retryGeneration(parts, tenant, id, once),
    ({ resource_id }) => (isId('generation', resource_id) ? resource_id : null),
  );
  return { id, generation_id: made, delivery_id: null };
}
