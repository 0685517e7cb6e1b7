/**
 * The jobs that travel through the queue. One record each: name, queue, payload. Payloads are ids: everything else is in Postgres.
 * Producer, worker and dashboards derive from it; a contract without exactly one handler stops the boot of the app that owns the queue.
 */
import { z } from 'zod';
import { id } from './ids.ts';

export const QUEUES = ['parsing', 'embedding', 'diffusion', 'webhooks'] as const;
export type QueueName = (typeof QUEUES)[number];
/** The worker classes: one queue each. */
export const WORKER_CLASSES = ['parsing', 'embedding', 'diffusion'] as const;
export type WorkerClass = (typeof WORKER_CLASSES)[number];

const stagePayload = z.strictObject({ stageId: id('stage') });

export const jobs = {
  'parse-face': { queue: 'parsing', payload: stagePayload },
  'embed-identity': { queue: 'embedding', payload: stagePayload },
  'sample-portrait': { queue: 'diffusion', payload: stagePayload },
  'deliver-webhook': { queue: 'webhooks', payload: z.strictObject({ deliveryId: id('delivery') }) },
} as const satisfies Record<string, { queue: QueueName; payload: z.ZodType }>;

export type JobName = keyof typeof jobs;
export type JobPayload<N extends JobName> = z.infer<(typeof jobs)[N]['payload']>;
