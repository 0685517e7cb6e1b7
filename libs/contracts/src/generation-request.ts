/** What a client may ask for: `POST /v1/generations`. Names, bounds and defaults are the API's contract. */
import { z } from 'zod';
import { id } from './ids.ts';

/** Each over the model's own scheduler configuration, of which a suffix changes one thing. */
export const SCHEDULERS = [
  'euler',
  'euler_linspace',
  'euler_leading',
  'euler_trailing',
  'euler_karras',
  'euler_ancestral',
  'ddim',
  'dpmpp_2m',
  'dpmpp_2m_karras',
  'dpmpp_2m_sde',
  'dpmpp_2m_sde_karras',
  'unipc',
  'unipc_karras',
  'lcm',
  'pndm',
] as const;
/** Whose random numbers a seed stands for. */
export const NOISE_DEVICES = ['cpu', 'cuda'] as const;
/** Departures from the published pipelines that change what a picture is read as: who it shows. */
export const IDENTITY_CORRECTIONS = [
  'bgr_faces',
  'largest_face',
  'continue_without_face',
  'union_paired_regions',
  'pad_to_square',
] as const;
/** Those that change what the prompt becomes. */
export const PROMPT_CORRECTIONS = [
  'pair_regions_by_name',
  'bare_text_prompt',
  'strip_second_markers',
  'restore_end_token',
  'plain_negative',
] as const;
export const CORRECTIONS = [...IDENTITY_CORRECTIONS, ...PROMPT_CORRECTIONS] as const;
export const FACIAL_REGIONS = ['face', 'eyes', 'ears', 'nose', 'mouth'] as const;
export const FORMATS = ['png', 'jpeg', 'webp'] as const;

/** Bytes of one picture and of a whole request body. */
export const PICTURE_MAX_BYTES = 20_000_000;
export const PICTURE_MAX_PIXELS = 50_000_000;
export const PICTURE_MIN_SIDE = 64;
/** Four pictures as base64 in one JSON body do not fit; uploads are for that. */
export const BODY_MAX_BYTES = 30_000_000;

/** Text that Postgres can keep: no NUL, no half of a surrogate pair. */
export const text = (least: number, most: number) =>
  z
    .string()
    .min(least)
    .max(most)
    .refine((value) => value.isWellFormed() && !value.includes('\0'), 'must be well-formed Unicode without NUL characters');

/** An upload id, an `https:` URL (`http:` only to exempted addresses), or a `data:` URI with base64. */
export const ReferenceImage = z
  .string()
  .max(BODY_MAX_BYTES)
  .refine(
    (text) =>
      id('upload').safeParse(text).success ||
      /^https?:\/\/[^\s\p{Cc}\p{Cs}]+$/iu.test(text) ||
      /^data:[\w.+-]+\/[\w.+-]+;base64,/.test(text),
    'must be an upload id, an https: URL or a data: URI with base64',
  )
  .meta({ id: 'ReferenceImage', description: 'upload id, https: URL, or data: URI (base64)' });

/** An absolute step −1…steps, or a fraction of the steps: a number below 1 that is not an integer, or a string with a decimal point. */
export const MergeStep = z
  .union([z.int().min(-1).max(100), z.number().gt(0).lt(1), z.string().regex(/^(0?\.\d+|1\.0+|0\.0+)$/)], {
    error: 'must be a whole number from -1 to 100, a number between 0 and 1, or a fraction with a decimal point from "0.0" to "1.0"',
  })
  .meta({
    id: 'MergeStep',
    description: 'the step after which the fine-grained facial features enter: absolute (−1…steps) or a fraction ("0.6")',
  });

export const PROMPT_MAX = 2000;

const presetName = '[a-z0-9][a-z0-9._-]{0,63}';
export const PresetName = z.string().regex(new RegExp(`^${presetName}$`), 'must have up to 64 of a–z, 0–9, ".", "_" and "-"');
const PresetRef = z.string().regex(new RegExp(`^${presetName}(@[1-9]\\d{0,8})?$`), 'must be the name of a preset, or name@version');

const side = z.int().min(64).max(1024).multipleOf(8);

/** The parameters of a generation: of a `subject`, or of 1–4 `reference_images`, of which the first is the reference of ConsistentID. */
export const GenerationInput = z
  .strictObject({
    reference_images: z.array(ReferenceImage).min(1).max(4).optional(),
    subject: id('subject').optional().describe('a subject whose references are used, instead of reference_images'),
    prompt: text(1, PROMPT_MAX).optional().describe('needed, unless the preset has one'),
    negative_prompt: text(0, PROMPT_MAX).optional(),
    num_images: z.int().min(1).max(8).optional(),
    width: side.optional().describe('pixels; the pack may allow fewer sizes'),
    height: side.optional().describe('pixels; the pack may allow fewer sizes'),
    steps: z.int().min(1).max(100).optional(),
    scheduler: z.enum(SCHEDULERS).optional(),
    guidance_scale: z.number().min(1).max(20).optional(),
    merge_step: MergeStep.optional(),
    identity_scale: z.number().min(0).max(2).optional(),
    seed: z
      .int()
      .min(0)
      .max(2 ** 32 - 1)
      .optional()
      .describe('absent: random, reported back'),
    facial_regions: z
      .array(z.enum(FACIAL_REGIONS))
      .max(5)
      .refine((r) => new Set(r).size === r.length, 'must name each region at most once')
      .optional(),
    noise_device: z
      .enum(NOISE_DEVICES)
      .optional()
      .describe('with `cuda` a seed gives the noise that PyTorch draws on a CUDA device; default: that of the CPU'),
    corrections: z
      .array(z.enum(CORRECTIONS))
      .max(CORRECTIONS.length)
      .refine((r) => new Set(r).size === r.length, 'must name each correction at most once')
      .optional()
      .describe('where to depart from the published pipelines, which are followed to the letter by default (docs/corrections.md)'),
    pack: z
      .string()
      .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/)
      .optional(),
    format: z.enum(FORMATS).optional(),
    preset: PresetRef.optional().describe('a preset, by name or `name@version`: its values hold wherever nothing else is said'),
    subject_description: text(1, 200).optional().describe('what `{subject}` becomes in the prompt of the preset; default: a person'),
  })
  .meta({ id: 'GenerationInput' });
export type GenerationInput = z.infer<typeof GenerationInput>;

export const PRIORITIES = ['low', 'normal', 'high'] as const;
export const WEBHOOK_EVENTS = ['started', 'progress', 'completed'] as const;

/** An absolute http(s) URL of at most 2,048 characters without credentials; whether it may be called is the egress guard's to say. */
export const WebhookUrl = z
  .string()
  .max(2048)
  .refine((text) => {
    const url = URL.canParse(text) && !/[\s\p{Cc}\p{Cs}]/u.test(text) ? new URL(text) : null;
    return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
  }, 'must be an absolute https: URL without credentials')
  .meta({ id: 'WebhookUrl', format: 'uri' });

export const Metadata = z
  .record(text(1, 64), text(0, 512))
  .refine((m) => Object.keys(m).length <= 16, 'must have at most 16 keys')
  .meta({ id: 'Metadata', description: 'up to 16 keys, values up to 512 characters; returned as given' });

/** ISO 8601 duration in days, hours, minutes and seconds, e.g. `P30D` or `PT12H`: up to ten years. */
export const IsoDuration = z
  .string()
  .regex(/^P(?=.)(\d{1,9}D)?(T(?=.)(\d{1,9}H)?(\d{1,9}M)?(\d{1,9}S)?)?$/, 'must be an ISO 8601 duration such as P30D or PT12H')
  .refine((text) => isoDurationSeconds(text) <= 3650 * 86_400, 'must be at most P3650D')
  .meta({ id: 'IsoDuration' });

export function isoDurationSeconds(text: string): number {
  const [, days = '0', hours = '0', minutes = '0', seconds = '0'] =
    /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(text) ?? [];
  return Number(days) * 86_400 + Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}

/** `15s`, `2m`, `1h`: 5 seconds to 24 hours. Header `Cancel-After` and body field alike. */
export const CancelAfter = z
  .string()
  .regex(/^\d+[smh]$/, { abort: true, error: 'must be a number with s, m or h, such as 15s' })
  .refine((text) => cancelAfterSeconds(text) >= 5 && cancelAfterSeconds(text) <= 86_400, 'must be between 5s and 24h')
  .meta({ id: 'CancelAfter' });

export const cancelAfterSeconds = (text: string): number =>
  Number(text.slice(0, -1)) * { s: 1, m: 60, h: 3600 }[text.slice(-1) as 's' | 'm' | 'h'];

/** The body of `POST /v1/generations`. In `multipart/form-data`, part `request` holds the same without `input.reference_images`. */
export const CreateGeneration = z
  .strictObject({
    input: GenerationInput,
    priority: z.enum(PRIORITIES).optional(),
    metadata: Metadata.optional(),
    retention: IsoDuration.optional(),
    cancel_after: CancelAfter.optional(),
    webhook: WebhookUrl.optional(),
    webhook_events_filter: z.array(z.enum(WEBHOOK_EVENTS)).min(1).optional(),
  })
  .meta({ id: 'CreateGeneration' });
export type CreateGeneration = z.infer<typeof CreateGeneration>;

export const CreateGenerationPart = CreateGeneration.extend({ input: GenerationInput.omit({ reference_images: true }) }).meta({
  id: 'CreateGenerationPart',
});

/** Seconds that a client is willing to wait for an answer: `?wait=` and `Prefer: wait=`. */
export const WAIT_MAX_SECONDS = 60;
export const GetGeneration = z.strictObject({ wait: z.coerce.number().int().min(1).max(WAIT_MAX_SECONDS).optional() });

const sequence = z.coerce
  .number()
  .int()
  .min(0)
  .max(2 ** 31 - 1)
  .optional();
/** Query and header of `GET /v1/generations/{id}/events`. The query is for clients that cannot set headers. */
export const StreamEvents = z.strictObject({ last_event_id: sequence });
export const StreamEventsHeader = z.object({ 'Last-Event-ID': sequence });

/** Header `Idempotency-Key`: 1–255 printable ASCII characters. */
export const IdempotencyKey = z.string().regex(/^[\x20-\x7e]{1,255}$/, 'must have 1 to 255 printable characters');

/** Query of `GET /v1/generations`. */
export const ListGenerations = z.strictObject({
  status: z.enum(['queued', 'processing', 'succeeded', 'failed', 'canceled', 'expired']).optional(),
  created_after: z.iso.datetime({ offset: true }).optional(),
  cursor: z.string().max(256).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});

/** Body of `POST /v1/uploads` (JSON form). */
export const CreateUpload = z
  .strictObject({
    filename: text(1, 255),
    content_type: z.string().regex(/^image\/[\w.+-]{1,64}$/, 'must be the media type of a picture, such as image/jpeg'),
    size: z.int().min(1).max(PICTURE_MAX_BYTES),
    sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 as 64 lower-case hexadecimal digits'),
  })
  .meta({ id: 'CreateUpload' });
export type CreateUpload = z.infer<typeof CreateUpload>;

/** The offending value, short enough for a message. */
export function preview(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
