/** Webhook bodies: thin, so that no picture and no prompt leaves by this way. */
import { z } from 'zod';
import { JobError } from './errors.ts';
import { GenerationStatus } from './generation-response.ts';
import { id } from './ids.ts';

export const EVENT_TYPES = ['generation.started', 'generation.progress', 'generation.completed'] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export const WebhookBody = z
  .object({
    type: z.enum(EVENT_TYPES),
    timestamp: z.iso.datetime(),
    data: z.object({
      id: id('generation'),
      status: GenerationStatus,
      sequence: z.int(),
      metadata: z.record(z.string(), z.string()),
      error: JobError.nullable(),
      output: z.array(z.object({ id: id('artifact'), index: z.int(), content_type: z.string(), sha256: z.string() })),
    }),
  })
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
