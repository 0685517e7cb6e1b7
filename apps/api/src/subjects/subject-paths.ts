/** The subjects' part of the OpenAPI document. */
import {
  CreateSubject,
  CreateSubjectPart,
  Erasure,
  ErasureBegun,
  errors,
  ListSubjects,
  Problem,
  Subject,
  SubjectList,
} from '@likeness/contracts';
import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import {
  binary,
  everywhere,
  headerOf,
  json,
  pathId,
  problems,
  replayed,
  requestHeaders,
  security,
  withBody,
  withIdempotency,
  withKey,
  withPicture,
} from '../docs/operations.ts';

const tags = ['subjects'];
const subject = { path: pathId('subject') };

export const subjectPaths: ZodOpenApiPathsObject = {
  '/v1/subjects': {
    post: {
      tags,
      operationId: 'createSubject',
      summary: 'Keep the references of a person for many generations',
      description:
        'JSON with upload ids, https URLs (fetched now) or data: URIs; or multipart/form-data with the pictures as parts `image` and the rest as part `request`. The pictures are copied.',
      security: security('subjects:write'),
      requestParams: { header: z.object(requestHeaders) },
      requestBody: {
        required: true,
        content: {
          ...json(CreateSubject),
          'multipart/form-data': {
            schema: z.object({ image: z.array(binary).min(1).max(4), request: CreateSubjectPart }),
            encoding: { request: { contentType: 'application/json' } },
          },
        },
      },
      responses: {
        '201': {
          description: 'The subject.',
          headers: { Location: headerOf('URL of the subject'), ...replayed },
          content: json(Subject),
        },
        ...problems(
          ...everywhere,
          ...withKey,
          ...withBody,
          ...withIdempotency,
          ...withPicture,
          'consent_required',
          'upload_invalid',
          'input_url_blocked',
          'input_fetch_failed',
        ),
      },
    },
    get: {
      tags,
      operationId: 'listSubjects',
      summary: 'List subjects, newest first',
      security: security('subjects:write'),
      requestParams: { query: ListSubjects },
      responses: {
        '200': { description: 'A page; `next_cursor` is null on the last one.', content: json(SubjectList) },
        ...problems(...everywhere, ...withKey, 'validation_failed'),
      },
    },
  },
  '/v1/subjects/{id}': {
    get: {
      tags,
      operationId: 'getSubject',
      summary: 'Read a subject',
      security: security('subjects:write'),
      requestParams: subject,
      responses: {
        '200': { description: 'The subject.', content: json(Subject) },
        '410': {
          description: `\`subject_erased\`: ${errors.subject_erased.title}`,
          content: { 'application/problem+json': { schema: Problem } },
        },
        ...problems(...everywhere, ...withKey, 'not_found'),
      },
    },
    delete: {
      tags,
      operationId: 'eraseSubject',
      summary: 'Erase a subject and everything that was made of it',
      description:
        'From the answer on nothing of the subject can be read: its data key is destroyed. Jobs under way are canceled; references, results of stages, previews, portraits and rows are removed. The event `subject.erased` tells when that is done.',
      security: security('subjects:erase'),
      requestParams: subject,
      responses: {
        '202': { description: 'The erasure; asked again, it is the same one.', content: json(ErasureBegun) },
        ...problems(...everywhere, ...withKey, 'not_found'),
      },
    },
  },
  '/v1/erasures/{id}': {
    get: {
      tags,
      operationId: 'getErasure',
      summary: 'Read the receipt of an erasure',
      security: security('subjects:erase'),
      requestParams: { path: pathId('erasure') },
      responses: {
        '200': { description: 'What has been removed so far, or in all.', content: json(Erasure) },
        ...problems(...everywhere, ...withKey, 'not_found'),
      },
    },
  },
};
