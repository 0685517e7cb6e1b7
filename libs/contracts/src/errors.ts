/**
 * The error registry: every code that a client can meet, in a problem document (RFC 9457) or in a job's `error`.
 * `docs/errors.md` lists the same codes; a test ties the two together.
 */
import { z } from 'zod';

interface ErrorEntry {
  /** HTTP status of the problem document; job errors carry it for information. */
  readonly status: number;
  readonly title: string;
  /** What the caller can do about it. */
  readonly hint: string;
  /** A `detail` as a client meets it. */
  readonly example: string;
  /** Whether the same request may succeed later without being changed. */
  readonly retryable: boolean;
}

const entry = (status: number, title: string, hint: string, example: string): ErrorEntry => ({
  status,
  title,
  hint,
  example,
  retryable: false,
});
const passing = (status: number, title: string, hint: string, example: string): ErrorEntry => ({
  ...entry(status, title, hint, example),
  retryable: true,
});

export const errors = {
  malformed_request: entry(
    400,
    'The request could not be read.',
    'Send well-formed JSON or multipart/form-data, with a matching Content-Type.',
    'The body is no JSON: Unexpected token } in JSON at position 17.',
  ),
  unauthenticated: entry(
    401,
    'No valid API key was given.',
    'Send `Authorization: Bearer lk_…` with a key that is neither revoked nor expired.',
    'There is no Authorization header.',
  ),
  insufficient_scope: entry(
    403,
    'The API key lacks the scope this request needs.',
    'Use a key with the scope named in `detail`.',
    'This needs the scope generations:write; the key has generations:read.',
  ),
  not_found: entry(
    404,
    'There is no such resource.',
    'Check the id; ids of other tenants do not exist for you.',
    'There is no generation gen_06g3hvyn1pqtx0000000000000.',
  ),
  method_not_allowed: entry(
    405,
    'The resource does not know this method.',
    'See the `Allow` header.',
    'PUT is not possible here; GET, HEAD and POST are.',
  ),
  not_acceptable: entry(
    406,
    'The resource has no representation that is acceptable to you.',
    'Accept application/json.',
    'Accept: text/csv leaves nothing to answer with; this resource is application/json.',
  ),
  idempotency_in_progress: passing(
    409,
    'A request with this Idempotency-Key is being worked on.',
    'Repeat it after `Retry-After` seconds.',
    'The first request with the Idempotency-Key "order-17" has not been answered yet.',
  ),
  not_terminal: passing(
    409,
    'The generation has not ended yet.',
    'Wait until it ends, or cancel it first.',
    'gen_06g3hvyn1pqtx0000000000000 is processing.',
  ),
  endpoint_disabled: entry(
    409,
    'The webhook endpoint is disabled.',
    'Set its `status` to enabled first.',
    'whe_06g3hvyn1pqtx0000000000000 is disabled.',
  ),
  subject_erased: entry(
    409,
    'The subject was erased.',
    'Create a new subject, with the person’s consent; what was erased cannot be had back.',
    'The subject sub_06g3hvyn1pqtx0000000000000 was erased at 2026-11-24T09:00:00.000Z.',
  ),
  data_expired: entry(
    410,
    'The data was removed after its retention time, or the link to it has run out.',
    'Read the generation again for a fresh link, or create a new generation.',
    'This link ran out at 2026-11-24T09:00:00.000Z.',
  ),
  payload_too_large: entry(
    413,
    'The request body is too large.',
    'Pictures may have 20 MB each and a body 30 MB; use uploads for more.',
    'The body has 104857600 bytes; at most 30000000 are read.',
  ),
  unsupported_media_type: entry(
    415,
    'The Content-Type is not supported here.',
    'Send application/json, or multipart/form-data where the documentation says so.',
    'Content-Type: text/plain is not read here; application/json and multipart/form-data are.',
  ),
  validation_failed: entry(
    422,
    'The request has values that are not allowed.',
    'Each entry of `errors` names the field and what is allowed.',
    '/input/steps: Too big: expected number to be <=100; got 101',
  ),
  image_unreadable: entry(
    422,
    'The picture could not be read.',
    'Send a complete JPEG, PNG, WebP, AVIF, TIFF or GIF of at most 20 MB and 50 megapixels.',
    'The file is no JPEG, PNG, WebP, AVIF, TIFF or GIF picture; it starts with 3c 73 76 67.',
  ),
  image_too_small: entry(
    422,
    'The picture is too small.',
    'Send a picture of at least 64 pixels on each side.',
    'The picture is 1×1 pixels; each side needs at least 64.',
  ),
  no_face_detected: entry(
    422,
    'No face was found in the reference picture.',
    'Use a picture in which the face is at least 64 pixels high and not covered.',
    'No face was found in the 800×600 picture; the best candidate scored 0.21, at least 0.5 is needed.',
  ),
  upload_invalid: entry(
    422,
    'The upload cannot be used.',
    'Upload the file again: it is missing, expired, or does not match its declaration.',
    'The upload upl_06g3hvyn1pqtx0000000000000 is missing, not ready, or expired.',
  ),
  consent_required: entry(
    422,
    'A subject needs a record of consent.',
    'Send `consent` with basis, obtained_at and policy_version.',
    'There is no consent: the pictures of a person are kept only with a record of the ground for it.',
  ),
  input_url_blocked: entry(
    422,
    'The URL of a reference picture may not be fetched.',
    'Use a public https URL, or allow the network with EGRESS_ALLOW_CIDRS.',
    'http://169.254.169.254/photo.jpg leads to 169.254.169.254, which is link-local.',
  ),
  webhook_url_blocked: entry(
    422,
    'The webhook URL may not be called.',
    'Use a public https URL, or allow the network with EGRESS_ALLOW_CIDRS.',
    'https://localhost/hook leads to 127.0.0.1, which is loopback.',
  ),
  duplicate_custom_id: entry(
    422,
    'The custom_id is used by another item of the batch.',
    'Give every item of a batch a custom_id of its own.',
    'The custom_id "portrait-7" is that of item 6 already.',
  ),
  idempotency_key_reused: entry(
    422,
    'This Idempotency-Key was used with another body.',
    'Use a new key for a new request.',
    'The Idempotency-Key "order-17" belongs to a request with another body.',
  ),
  rate_limited: passing(
    429,
    'Too many requests.',
    'Slow down; see `Retry-After` and the RateLimit headers.',
    '600 requests per minute are allowed; the next one in 12 s.',
  ),
  queue_full: passing(
    429,
    'Too many generations are under way for this tenant.',
    'Wait until some have ended.',
    '1000 generations may be under way at once, and as many are.',
  ),
  quota_exceeded: passing(
    429,
    'The monthly quota is used up.',
    'It is renewed at the time that GET /v1/limits names.',
    '5000 pictures a month are allowed; 4998 were made and 4 are asked for.',
  ),
  internal: passing(
    500,
    'Something went wrong on our side.',
    'Repeat the request; quote `request_id` when it stays.',
    'The request could not be completed.',
  ),
  unavailable: passing(
    503,
    'A part of the service is not available.',
    'Repeat the request after `Retry-After` seconds.',
    'The database does not answer.',
  ),
  input_fetch_failed: passing(
    422,
    'A reference picture could not be fetched from its URL.',
    'Check that the URL answers 200 with the picture within 15 seconds.',
    'https://example.com/photo.jpg answered 404.',
  ),
  storage_unavailable: passing(
    503,
    'The object store did not answer.',
    'Retry the generation.',
    'The object store did not answer within 10 s.',
  ),
  model_unavailable: entry(
    503,
    'The model pack could not be loaded.',
    'See the detail; `likeness models verify` names the file.',
    'Pack portrait lacks unet/diffusion_pytorch_model.safetensors.',
  ),
  gpu_out_of_memory: passing(
    503,
    'The model ran out of memory.',
    'Ask for a smaller picture or fewer images.',
    '8 images of 1024×1024 do not fit into the memory of the device.',
  ),
  stage_timeout: passing(
    503,
    'A stage took longer than it may.',
    'Ask for fewer steps or a smaller picture, or retry.',
    'sample took longer than 600 s.',
  ),
  worker_lost: passing(
    503,
    'The worker was lost too often while working on this generation.',
    'Retry the generation.',
    'The worker was lost 3 times during sample.',
  ),
  deadline_exceeded: passing(
    422,
    'The deadline passed before the generation was done.',
    'Give more time in Cancel-After, or retry when the queue is shorter.',
    'The deadline 2026-11-24T09:00:00.000Z passed during sample.',
  ),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errors;
export const ErrorCode = z.enum(Object.keys(errors) as [ErrorCode, ...ErrorCode[]]);
export const isErrorCode = (code: unknown): code is ErrorCode => typeof code === 'string' && Object.hasOwn(errors, code);

/** One field that was refused: a JSON pointer into the body, `?name` for a query parameter or `name:` for a header, and what is wrong, with the offending value. */
export const FieldError = z.object({ pointer: z.string(), detail: z.string() }).meta({ id: 'FieldError' });
export type FieldError = z.infer<typeof FieldError>;

/** `application/problem+json`, RFC 9457. */
export const Problem = z
  .object({
    type: z.string().describe('URI of the documentation of the code'),
    title: z.string(),
    status: z.int(),
    code: ErrorCode,
    detail: z.string().describe('what happened, with the offending value'),
    hint: z.string(),
    retryable: z.boolean(),
    request_id: z.string(),
    errors: z.array(FieldError).optional(),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof Problem>;

/** The `error` of a job that failed. */
export const JobError = z
  .strictObject({
    code: ErrorCode,
    title: z.string(),
    detail: z.string(),
    hint: z.string(),
    retryable: z.boolean(),
    stage: z.enum(['parse', 'embed', 'sample']).nullable(),
  })
  .meta({ id: 'JobError' });
export type JobError = z.infer<typeof JobError>;

/** The error of the service: a code of the registry, a sentence with the offending value, and where in the body. */
export class LikenessError extends Error {
  readonly code: ErrorCode;
  readonly fields: readonly FieldError[];
  /** Seconds after which a repetition makes sense. */
  readonly retryAfter: number | undefined;
  /** The registry's, but for a code that two kinds of request can meet. */
  readonly status: number;

  constructor(
    code: ErrorCode,
    detail: string,
    options: { fields?: readonly FieldError[]; retryAfter?: number; status?: number; cause?: unknown } = {},
  ) {
    super(detail, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'LikenessError';
    this.code = code;
    this.fields = options.fields ?? [];
    this.retryAfter = options.retryAfter;
    this.status = options.status ?? errors[code].status;
  }

  get retryable(): boolean {
    return errors[this.code].retryable;
  }

  /** As the `error` of a job. */
  toJobError(stage: JobError['stage']): JobError {
    const { title, hint, retryable } = errors[this.code];
    return { code: this.code, title, detail: this.message, hint, retryable, stage };
  }
}
