/** Webhook endpoints of a tenant, and the log of what was delivered to them. */
import { z } from 'zod';
import { DisabledReason, EventType } from './events.ts';
import { WebhookUrl } from './generation-request.ts';
import { id } from './ids.ts';

const time = z.iso.datetime();
const page = { cursor: z.string().max(256).optional(), limit: z.coerce.number().int().min(1).max(100).default(20) };

/** How many endpoints a tenant may have: an event writes a delivery for each. */
export const MOST_ENDPOINTS = 50;

const events = z
  .array(EventType)
  .min(1)
  .refine((types) => new Set(types).size === types.length, 'must name each type at most once')
  .describe('the types of events that are sent to it');
const description = z.string().max(500);

export const CreateWebhookEndpoint = z
  .strictObject({ url: WebhookUrl, events, description: description.optional() })
  .meta({ id: 'CreateWebhookEndpoint' });
export type CreateWebhookEndpoint = z.infer<typeof CreateWebhookEndpoint>;

export const UpdateWebhookEndpoint = z
  .strictObject({ url: WebhookUrl, events, description: description.nullable(), status: z.enum(['enabled', 'disabled']) })
  .partial()
  .meta({ id: 'UpdateWebhookEndpoint' });
export type UpdateWebhookEndpoint = z.infer<typeof UpdateWebhookEndpoint>;

export const RotateSecret = z
  .strictObject({
    overlap_seconds: z
      .int()
      .min(0)
      .max(7 * 86_400)
      .default(86_400)
      .describe('for so long the former secret signs too'),
  })
  .meta({ id: 'RotateSecret' });
export type RotateSecret = z.infer<typeof RotateSecret>;

export const RecoverDeliveries = z
  .strictObject({ since: z.iso.datetime({ offset: true }).describe('what was made before stays as it is') })
  .meta({ id: 'RecoverDeliveries' });

export const ListWebhookEndpoints = z.strictObject(page);

export const WebhookEndpoint = z
  .object({
    id: id('endpoint'),
    object: z.literal('webhook_endpoint'),
    url: z.string(),
    events: z.array(EventType),
    description: z.string().nullable(),
    status: z.enum(['enabled', 'disabled']).describe('a disabled one gets nothing; enable it, then recover what it missed'),
    disabled_reason: DisabledReason.nullable(),
    failing_since: time.nullable().describe('the first failure since the last delivery that succeeded; after five days it is disabled'),
    previous_secret_until: time.nullable().describe('until then the secret before the last rotation signs too'),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'WebhookEndpoint' });
export type WebhookEndpoint = z.infer<typeof WebhookEndpoint>;

/** The answer to creation and rotation; the secret is shown nowhere else. */
export const WebhookEndpointWithSecret = WebhookEndpoint.extend({ secret: z.string().describe('`whsec_` and base64') }).meta({
  id: 'WebhookEndpointWithSecret',
});
export type WebhookEndpointWithSecret = z.infer<typeof WebhookEndpointWithSecret>;

export const WebhookEndpointList = z
  .object({ data: z.array(WebhookEndpoint), next_cursor: z.string().nullable() })
  .meta({ id: 'WebhookEndpointList' });
export type WebhookEndpointList = z.infer<typeof WebhookEndpointList>;

export const DeliveryStatus = z
  .enum(['pending', 'succeeded', 'failed', 'exhausted'])
  .describe('`failed`: not to be tried again by itself; `exhausted`: every attempt of the schedule failed; both can be replayed');

export const ListDeliveries = z.strictObject({ ...page, status: DeliveryStatus.optional() });

export const WebhookDelivery = z
  .object({
    id: id('delivery'),
    webhook_id: z.string().describe('the `webhook-id` header: the same in every attempt and replay'),
    type: EventType,
    status: DeliveryStatus,
    sequence: z.int(),
    attempts: z
      .array(
        z.object({
          at: time,
          status_code: z.int().nullable(),
          duration_ms: z.int(),
          error: z.string().nullable(),
          response_excerpt: z.string().nullable().describe('at most 1 KB, without secrets'),
        }),
      )
      .describe('the latest 50, oldest first'),
    next_attempt_at: time.nullable().describe('null when there is none, or it is under way'),
    created_at: time,
  })
  .meta({ id: 'WebhookDelivery' });
export type WebhookDelivery = z.infer<typeof WebhookDelivery>;

export const WebhookDeliveryList = z
  .object({ data: z.array(WebhookDelivery), next_cursor: z.string().nullable() })
  .meta({ id: 'WebhookDeliveryList' });
export type WebhookDeliveryList = z.infer<typeof WebhookDeliveryList>;

/** Signs the webhooks of requests, and of every endpoint without a secret of its own. */
export const DefaultSecret = z.object({ key: z.string().describe('`whsec_` and base64') }).meta({ id: 'DefaultSecret' });
export type DefaultSecret = z.infer<typeof DefaultSecret>;

export const TestedEndpoint = z.object({ delivery_id: id('delivery') }).meta({ id: 'TestedEndpoint' });
export const RecoveredDeliveries = z
  .object({ count: z.int().describe('deliveries that are tried once more') })
  .meta({ id: 'RecoveredDeliveries' });
