/** The running system as an administrator sees it: worker classes, workers, and what could not be done. */
import { z } from 'zod';
import { ErrorCode, type ErrorCode as Code } from './errors.ts';
import { StageName } from './generation-response.ts';
import { id } from './ids.ts';
import { WORKER_CLASSES } from './jobs.ts';

const time = z.iso.datetime();

export const WorkerClassName = z.enum(WORKER_CLASSES);

export const WorkerClassView = z
  .object({
    class: WorkerClassName,
    paused: z.boolean().describe('nothing is given to it; what a worker holds ends'),
    paused_at: time.nullable(),
    demand: z.int(),
    slots: z.int(),
  })
  .meta({ id: 'WorkerClass' });
export type WorkerClassView = z.infer<typeof WorkerClassView>;
export const WorkerClassList = z.object({ data: z.array(WorkerClassView) }).meta({ id: 'WorkerClassList' });
export type WorkerClassList = z.infer<typeof WorkerClassList>;

export const WorkerView = z
  .object({
    id: id('worker'),
    class: WorkerClassName,
    state: z.enum(['starting', 'idle', 'busy', 'draining', 'lost']).describe('`lost`: not seen for 15 s'),
    slots: z.int(),
    host: z.string(),
    pid: z.int(),
    started_at: time,
    seen_at: time,
    working_on: z.array(
      z.object({
        stage_id: id('stage'),
        generation_id: id('generation'),
        tenant_id: id('tenant'),
        stage: StageName,
        attempt: z.int(),
        since: time,
      }),
    ),
  })
  .meta({ id: 'Worker' });
export type WorkerView = z.infer<typeof WorkerView>;
export const WorkerList = z.object({ data: z.array(WorkerView) }).meta({ id: 'WorkerList' });
export type WorkerList = z.infer<typeof WorkerList>;

/** Failures that are the service's own, not the request's: what they hit is worth another try. */
export const DEAD_LETTER_CODES = [
  'worker_lost',
  'stage_timeout',
  'gpu_out_of_memory',
  'storage_unavailable',
  'model_unavailable',
  'internal',
] as const satisfies readonly Code[];

export const DeadLetter = z
  .object({
    id: z.union([id('generation'), id('delivery')]),
    kind: z.enum(['generation', 'webhook_delivery']),
    tenant_id: id('tenant'),
    generation_id: id('generation').nullable(),
    code: ErrorCode.nullable().describe('of a generation'),
    detail: z.string().nullable(),
    attempts: z.int(),
    failed_at: time,
  })
  .meta({ id: 'DeadLetter' });
export type DeadLetter = z.infer<typeof DeadLetter>;
export const DeadLetterList = z.object({ data: z.array(DeadLetter), next_cursor: z.string().nullable() }).meta({ id: 'DeadLetterList' });
export type DeadLetterList = z.infer<typeof DeadLetterList>;

/** What came of a redrive: a failed generation stays as it is, and a new one is made; a delivery is sent again. */
export const Redriven = z
  .object({ id: z.string(), generation_id: id('generation').nullable(), delivery_id: id('delivery').nullable() })
  .meta({ id: 'Redriven' });
export type Redriven = z.infer<typeof Redriven>;
