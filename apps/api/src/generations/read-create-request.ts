/** The body of `POST /v1/generations`, whichever way it came: JSON, or a form with the pictures as parts. */
import {
  CancelAfter,
  CreateGeneration,
  CreateGenerationPart,
  LikenessError,
  preview,
  type CreateGeneration as CreateGenerationBody,
  type GenerationInput,
} from '@likeness/contracts';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { parseContract, refused } from '../http/contract.ts';
import { sha256 } from '../http/idempotency.ts';
import { isMultipart, readForm, type Form } from '../http/multipart.ts';
import type { ReceivedPicture } from '../uploads/keep-picture.ts';

export interface CreateRequest {
  readonly body: Omit<CreateGenerationBody, 'input'> & { readonly input: Omit<GenerationInput, 'reference_images'> };
  /** In the order given: upload ids, URLs, or pictures that are not stored yet. */
  readonly references: readonly (string | ReceivedPicture)[];
  /** Who makes what is posted to the webhook. */
  readonly webhookFormat?: 'replicate';
  /** What makes two requests the same. */
  readonly identity: readonly unknown[];
}

/** @throws LikenessError `validation_failed`, `malformed_request`, `payload_too_large`, `image_unreadable` */
export async function readCreateRequest(request: FastifyRequest): Promise<CreateRequest> {
  return withDeadline(isMultipart(request) ? fromForm(await readForm(request)) : fromJson(request.body), request);
}

/** `Cancel-After` may be a header too. */
export function withDeadline(read: CreateRequest, request: FastifyRequest): CreateRequest {
  const header = request.headers['cancel-after'];
  if (header === undefined) return read;
  const { 'Cancel-After': cancelAfter } = parseContract(z.object({ 'Cancel-After': CancelAfter }), { 'Cancel-After': header }, 'header');
  return { ...read, body: { ...read.body, cancel_after: read.body.cancel_after ?? cancelAfter } };
}

/** @throws LikenessError `validation_failed`, `image_unreadable` */
export function fromJson(json: unknown): CreateRequest {
  const { input, ...rest } = parseContract(CreateGeneration, json);
  const { references, others } = splitReferences(input);
  return { body: { ...rest, input: others }, references, identity: [json] };
}

/** The pictures take a way of their own. @throws LikenessError `validation_failed`, `image_unreadable` */
export function splitReferences({ reference_images = [], ...others }: GenerationInput): {
  references: CreateRequest['references'];
  others: CreateRequest['body']['input'];
} {
  checkSource(others.subject, reference_images.length);
  return { references: reference_images.map((reference) => (reference.startsWith('data:') ? fromDataUri(reference) : reference)), others };
}

function fromForm(form: Form): CreateRequest {
  const { json, files } = readPictureForm(form, 0);
  const body = parseContract(CreateGenerationPart, json);
  if (body.input.subject === undefined) checkCount(files.length, 1);
  checkSource(body.input.subject, files.length);
  return { body, references: files, identity: [body, files.map((file) => file.sha256)] };
}

/** Either a subject or pictures. @throws LikenessError `validation_failed` */
export function checkSource(subject: string | undefined, pictures: number): void {
  if (subject !== undefined && pictures > 0)
    throw refused([
      { pointer: '/input/subject', detail: `and reference_images exclude each other; got ${subject} and ${pictures} pictures` },
    ]);
  if (subject === undefined && pictures === 0)
    throw refused([{ pointer: '/input/reference_images', detail: 'is required: 1 to 4 pictures, or a subject instead' }]);
}

/** The parts `request`, parsed, and `image`. */
export function readPictureForm({ files, fields }: Form, least: 0 | 1): { json: unknown; files: readonly ReceivedPicture[] } {
  const unknown = [...fields.keys(), ...files.map((file) => file.name)].filter((name) => name !== 'request' && name !== 'image');
  if (unknown.length > 0)
    throw refused(unknown.map((name) => ({ pointer: `/${name}`, detail: 'is not known; the parts are "image" and "request"' })));
  const text = fields.get('request');
  if (text === undefined) throw refused([{ pointer: '/request', detail: 'is required: the JSON of the request' }]);
  checkCount(files.length, least);
  return { json: parseJson(text), files };
}

function checkCount(pictures: number, least: 0 | 1): void {
  if (pictures < least || pictures > 4)
    throw refused([{ pointer: '/image', detail: `must be given 1 to 4 times, each with a file name; got ${pictures}` }]);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new LikenessError('malformed_request', `The part "request" is no JSON: ${(cause as Error).message}`, { cause });
  }
}

export function fromDataUri(uri: string): ReceivedPicture {
  const base64 = uri.slice(uri.indexOf(',') + 1);
  const bytes = Buffer.from(base64, 'base64');
  // Node skips what is no base64; then the lengths differ.
  if (bytes.length !== Math.floor((base64.replace(/=+$/, '').length * 3) / 4)) {
    throw new LikenessError('image_unreadable', `The data: URI has no valid base64: ${preview(uri)}`);
  }
  return { filename: 'picture', bytes, sha256: sha256(bytes) };
}
