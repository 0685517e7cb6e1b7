/** Webhook bodies: thin (at most 20 KB), so that no picture and no prompt leaves by this way. */
import { z } from 'zod';
import { JobError } from './errors.ts';
import { GenerationStatus } from './generation-response.ts';
import { id } from './ids.ts';

export const EVENT_TYPES = [
  'generation.started',
  'generation.progress',
  'generation.completed',
  'batch.completed',
  'subject.erased',
  'endpoint.disabled',
  'endpoint.test',
] as const;
export const EventType = z.enum(EVENT_TYPES).meta({ id: 'EventType' });
export type EventType = z.infer<typeof EventType>;

/** What a webhook's body may have at most, in bytes. */
export const WEBHOOK_BODY_MAX_BYTES = 20_000;

const body = <T extends z.ZodType, D extends z.ZodType>(type: T, data: D) => z.object({ type, timestamp: z.iso.datetime(), data });
const sequence = z.int().describe('rises with the events of one id; drop anything older than what you have');

/** `generation.completed` is any end: `data.status` says which. */
export const GenerationEvent = body(
  z.enum(['generation.started', 'generation.progress', 'generation.completed']),
  z.object({
    id: id('generation'),
    status: GenerationStatus,
    sequence,
    metadata: z.record(z.string(), z.string()).describe('as given; empty where it has more than 12 KB'),
    error: JobError.nullable(),
    output: z.array(z.object({ id: id('artifact'), index: z.int(), content_type: z.string(), sha256: z.string() })),
  }),
).meta({ id: 'GenerationEvent' });
export type GenerationEvent = z.infer<typeof GenerationEvent>;

/** Every accepted item of the batch has ended. */
export const BatchEvent = body(
  z.literal('batch.completed'),
  z.object({
    id: id('batch'),
    status: z.enum(['completed', 'canceled']),
    sequence,
    counts: z.object({
      total: z.int(),
      accepted: z.int(),
      rejected: z.int(),
      succeeded: z.int(),
      failed: z.int(),
      canceled: z.int(),
    }),
  }),
).meta({ id: 'BatchEvent' });

/** Nothing of the subject is left; the receipt is at `/v1/erasures/{erasure_id}`. */
export const SubjectEvent = body(
  z.literal('subject.erased'),
  z.object({ id: id('subject'), erasure_id: id('erasure'), status: z.literal('completed'), sequence }),
).meta({ id: 'SubjectEvent' });

export const DISABLED_REASONS = ['requested', 'receiver_gone', 'failing'] as const;
export const DisabledReason = z
  .enum(DISABLED_REASONS)
  .describe('`requested` by you; `receiver_gone`: it answered 410; `failing`: nothing was delivered for five days');

/** `endpoint.disabled` goes to the other endpoints of the tenant, `endpoint.test` to the one that is tested. */
export const EndpointEvent = body(
  z.enum(['endpoint.disabled', 'endpoint.test']),
  z.object({ id: id('endpoint'), status: z.enum(['enabled', 'disabled']), disabled_reason: DisabledReason.nullable(), sequence }),
).meta({ id: 'EndpointEvent' });

export const WebhookBody = z
  .discriminatedUnion('type', [GenerationEvent, BatchEvent, SubjectEvent, EndpointEvent])
  .meta({ id: 'WebhookBody' });
export type WebhookBody = z.infer<typeof WebhookBody>;

export const SCOPES = [
  'generations:read',
  'generations:write',
  'uploads:write',
  'subjects:write',
  'subjects:erase',
  'webhooks:manage',
  'admin',
] as const;
export type Scope = (typeof SCOPES)[number];
