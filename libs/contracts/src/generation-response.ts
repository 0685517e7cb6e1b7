/** What a client gets back. */
import { z } from 'zod';
import { JobError } from './errors.ts';
import { GenerationInput, Metadata, ReferenceImage } from './generation-request.ts';
import { id } from './ids.ts';

const time = z.iso.datetime();

export const STATUSES = ['queued', 'processing', 'succeeded', 'failed', 'canceled', 'expired'] as const;
export const GenerationStatus = z.enum(STATUSES);
export type GenerationStatus = z.infer<typeof GenerationStatus>;
export const STAGES = ['parse', 'embed', 'sample'] as const;
export const StageName = z.enum(STAGES);
export type StageName = z.infer<typeof StageName>;

export const isTerminal = (status: GenerationStatus): boolean => status !== 'queued' && status !== 'processing';

/**
 * A request's input as it was accepted: everything filled in. Sizes are the pack's own here (`noop` draws one pixel), and pictures
 * that came as bytes have become uploads.
 */
export const AcceptedInput = GenerationInput.required()
  .extend({
    reference_images: z.array(ReferenceImage).max(4),
    subject: id('subject').optional(),
    width: z.int().min(1),
    height: z.int().min(1),
    // absent in what was accepted before there were any
    noise_device: GenerationInput.shape.noise_device,
    corrections: GenerationInput.shape.corrections,
    preset: z.string().optional().describe('`name@version` of the preset whose values are in it'),
    subject_description: z.string().optional(),
  })
  .meta({ id: 'AcceptedInput' });
export type AcceptedInput = z.infer<typeof AcceptedInput>;

/** One portrait. `url` is signed, absolute, needs no Authorization and lives for an hour. */
export const Artifact = z
  .object({
    id: id('artifact'),
    index: z.int(),
    url: z.url(),
    content_type: z.string(),
    width: z.int(),
    height: z.int(),
    size: z.int(),
    sha256: z.string(),
    seed: z.int(),
  })
  .meta({ id: 'Artifact' });

export const GenerationProgress = z
  .object({
    step: z.int(),
    total: z.int(),
    percent: z.number(),
    preview_url: z.url().nullable().describe('a small picture of the present state; signed, for minutes'),
  })
  .meta({ id: 'GenerationProgress' });
export type GenerationProgress = z.infer<typeof GenerationProgress>;

export const Generation = z
  .object({
    id: id('generation'),
    object: z.literal('generation'),
    status: GenerationStatus,
    stage: StageName.nullable(),
    sequence: z.int().describe('rises with every visible change; drop anything older than what you have'),
    queue: z
      .object({ position: z.int(), eta_seconds: z.number() })
      .nullable()
      .describe('while queued: position 1 is next (counted to 1,000); eta_seconds until it starts, estimated from what was done lately'),
    progress: GenerationProgress.nullable(),
    input: AcceptedInput.nullable().describe(
      'as given, with the defaults of the pack and the seed filled in; pictures as upload ids or URLs',
    ),
    output: z.array(Artifact).nullable(),
    error: JobError.nullable(),
    warnings: z.array(z.string()),
    attempt: z.int().describe('attempts of the present or last stage'),
    pack: z.object({ name: z.string(), version: z.string(), trained: z.boolean() }),
    priority: z.enum(['low', 'normal', 'high']),
    cancel_requested_at: time.nullable(),
    deadline_at: time.nullable(),
    created_at: time,
    started_at: time.nullable(),
    completed_at: time.nullable(),
    expires_at: time.nullable(),
    data_removed: z.boolean(),
    retry_of: id('generation').nullable().describe('the generation that this one repeats'),
    batch: z
      .object({ id: id('batch'), custom_id: z.string() })
      .nullable()
      .describe('the batch that asked for it, and under which name'),
    metadata: Metadata,
    usage: z.object({ gpu_seconds: z.number(), images: z.int() }),
    timings_ms: z.object({
      queued: z.number().nullable(),
      parse: z.number().nullable(),
      embed: z.number().nullable(),
      sample: z.number().nullable(),
    }),
    cache: z.object({ parse: z.boolean(), embed: z.boolean() }).describe('whether the stage was reused from an earlier job'),
    urls: z.object({ get: z.url(), cancel: z.url(), events: z.url() }),
  })
  .meta({ id: 'Generation' });
export type Generation = z.infer<typeof Generation>;

/** The `data` of the events `status`, `progress` and `preview`; that of `completed` is the whole generation. */
export const GenerationState = z
  .object({
    id: id('generation'),
    status: GenerationStatus,
    stage: StageName.nullable(),
    sequence: z.int(),
    progress: GenerationProgress.nullable(),
  })
  .meta({ id: 'GenerationState' });
export type GenerationState = z.infer<typeof GenerationState>;

export const GenerationList = z.object({ data: z.array(Generation), next_cursor: z.string().nullable() }).meta({ id: 'GenerationList' });

export type GenerationList = z.infer<typeof GenerationList>;

export const Upload = z
  .object({
    id: id('upload'),
    object: z.literal('upload'),
    status: z.enum(['pending', 'ready', 'rejected']),
    filename: z.string(),
    content_type: z.string(),
    size: z.int(),
    sha256: z.string(),
    upload: z.object({ method: z.literal('PUT'), url: z.url(), headers: z.record(z.string(), z.string()), expires_at: time }).optional(),
    created_at: time,
    expires_at: time,
  })
  .meta({ id: 'Upload' });
export type Upload = z.infer<typeof Upload>;

const WorkerClassState = z.object({
  demand: z.int().describe('queued + processing'),
  queued: z.int(),
  processing: z.int(),
  slots: z.int().describe('stages that the live workers of the class can run at once'),
  oldest_seconds: z.number(),
});
export const QueueState = z
  .object({ parsing: WorkerClassState, embedding: WorkerClassState, diffusion: WorkerClassState })
  .meta({ id: 'QueueState' });
export type QueueState = z.infer<typeof QueueState>;
