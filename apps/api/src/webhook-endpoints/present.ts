/** Endpoints and deliveries as clients see them. */
import type { WebhookDelivery, WebhookEndpoint } from '@likeness/contracts';
import type { DeliveryView } from './deliveries.store.ts';
import type { EndpointRow } from './endpoints.store.ts';

export function presentEndpoint(row: EndpointRow): WebhookEndpoint {
  const until = row.previous_secret_until;
  return {
    id: row.id,
    object: 'webhook_endpoint',
    url: row.url,
    events: row.events,
    description: row.description,
    status: row.status,
    disabled_reason: row.disabled_reason,
    failing_since: row.failing_since?.toISOString() ?? null,
    previous_secret_until: until && until.getTime() > Date.now() ? until.toISOString() : null,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}

export function presentDelivery({ id, type, status, sequence, attempts, next_attempt_at, created_at }: DeliveryView): WebhookDelivery {
  return {
    id,
    webhook_id: id,
    type,
    status,
    sequence,
    attempts: attempts.map((attempt) => ({ ...attempt, at: new Date(attempt.at).toISOString() })),
    next_attempt_at: next_attempt_at?.toISOString() ?? null,
    created_at: created_at.toISOString(),
  };
}
