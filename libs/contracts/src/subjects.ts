/** Subjects: persons whose references are kept for many generations, the ground on which they are, and their erasure. */
import { z } from 'zod';
import { IsoDuration, Metadata, ReferenceImage, text } from './generation-request.ts';
import { id } from './ids.ts';

const time = z.iso.datetime();

/** The ground on which the pictures of a person may be kept, as it will have to be shown one day. */
export const Consent = z
  .strictObject({
    basis: z.enum(['consent', 'contract', 'legitimate_interest']),
    obtained_at: z.iso.datetime({ offset: true }),
    policy_version: text(1, 255),
    evidence: z
      .union([text(1, 2000), Metadata])
      .optional()
      .describe('where the proof is: a text, or up to 16 named texts'),
  })
  .meta({ id: 'Consent' });
export type Consent = z.infer<typeof Consent>;

const shape = {
  external_id: text(1, 255).optional().describe('your own name for the person; need not be unique'),
  consent: Consent,
  retention: IsoDuration.optional().describe('after this time the subject is erased; without it, only when you ask'),
};

/** The body of `POST /v1/subjects`. In `multipart/form-data`, part `request` holds the same without `reference_images`. */
export const CreateSubject = z
  .strictObject({ reference_images: z.array(ReferenceImage).min(1).max(4), ...shape })
  .meta({ id: 'CreateSubject' });
export const CreateSubjectPart = z.strictObject(shape).meta({ id: 'CreateSubjectPart' });
export type CreateSubjectPart = z.infer<typeof CreateSubjectPart>;

export const Subject = z
  .object({
    id: id('subject'),
    object: z.literal('subject'),
    external_id: z.string().nullable(),
    consent: Consent,
    reference_images: z.array(z.object({ content_type: z.string(), size: z.int(), sha256: z.string() })),
    retention: z.string().nullable(),
    created_at: time,
    expires_at: time.nullable(),
  })
  .meta({ id: 'Subject' });
export type Subject = z.infer<typeof Subject>;

export const SubjectList = z.object({ data: z.array(Subject), next_cursor: z.string().nullable() }).meta({ id: 'SubjectList' });
export type SubjectList = z.infer<typeof SubjectList>;

export const ListSubjects = z.strictObject({
  external_id: z.string().max(255).optional(),
  cursor: z.string().max(256).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});

export const ErasureBegun = z.object({ erasure_id: id('erasure') }).meta({ id: 'ErasureBegun' });
export type ErasureBegun = z.infer<typeof ErasureBegun>;

/** The receipt. While it is running, the numbers are those of what is removed already. */
export const Erasure = z
  .object({
    id: id('erasure'),
    object: z.literal('erasure'),
    subject: id('subject'),
    status: z.enum(['running', 'completed']),
    started_at: time,
    completed_at: time.nullable(),
    removed: z.object({
      objects: z.int().describe('in the object store: references, results of stages, previews, portraits, uploads'),
      rows: z.int().describe('of the database, deleted or emptied'),
      cache_entries: z.int().describe('reusable results of parse and embed'),
      generations: z.int().describe('that have lost their data'),
    }),
    object_keys_sha256: z.array(z.string()).describe('the SHA-256 of the key of each removed object'),
    data_key_destroyed: z.boolean().describe('what was encrypted under it cannot be read any more, in copies of the store either'),
  })
  .meta({ id: 'Erasure' });
export type Erasure = z.infer<typeof Erasure>;
