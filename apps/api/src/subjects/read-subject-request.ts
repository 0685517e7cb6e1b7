/** The body of `POST /v1/subjects`, whichever way it came: JSON, or a form with the pictures as parts. */
import { CreateSubject, CreateSubjectPart, LikenessError } from '@likeness/contracts';
import type { FastifyRequest } from 'fastify';
import { fromDataUri, readPictureForm } from '../generations/read-create-request.ts';
import { parseContract } from '../http/contract.ts';
import { isMultipart, readForm } from '../http/multipart.ts';
import type { ReceivedPicture } from '../uploads/keep-picture.ts';

export interface SubjectRequest {
  readonly body: CreateSubjectPart;
  /** In the order given: upload ids, URLs, or pictures. */
  readonly references: readonly (string | ReceivedPicture)[];
  /** What makes two requests the same. */
  readonly identity: readonly unknown[];
}

/** @throws LikenessError `consent_required`, `validation_failed`, `malformed_request`, `payload_too_large`, `image_unreadable` */
export async function readSubjectRequest(request: FastifyRequest): Promise<SubjectRequest> {
  if (isMultipart(request)) {
    const { json, files } = readPictureForm(await readForm(request), 1);
    const body = parseContract(CreateSubjectPart, withConsent(json));
    return { body, references: files, identity: [body, files.map((file) => file.sha256)] };
  }
  const { reference_images, ...body } = parseContract(CreateSubject, withConsent(request.body));
  const references = reference_images.map((reference) => (reference.startsWith('data:') ? fromDataUri(reference) : reference));
  return { body, references, identity: [request.body] };
}

/** A missing consent has a code of its own, whatever else is wrong. */
function withConsent(json: unknown): unknown {
  const { consent } = (typeof json === 'object' && json !== null ? json : { consent: true }) as { consent?: unknown };
  if (consent !== undefined && consent !== null) return json;
  throw new LikenessError(
    'consent_required',
    'There is no consent: the pictures of a person are kept only with a record of the ground for it.',
    {
      fields: [{ pointer: '/consent', detail: 'is required' }],
    },
  );
}
