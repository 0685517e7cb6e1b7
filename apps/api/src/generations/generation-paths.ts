/** The operations of generations in the OpenAPI document. */
import {
  CancelAfter,
  CreateGeneration,
  CreateGenerationPart,
  Generation,
  GenerationEvent,
  GenerationList,
  GetGeneration,
  ListGenerations,
  StreamEvents,
  WAIT_MAX_SECONDS,
} from '@likeness/contracts';
import { z } from 'zod';
import type { ZodOpenApiOperationObject, ZodOpenApiPathsObject } from 'zod-openapi';
import {
  binary,
  everywhere,
  headerOf,
  json,
  link,
  location,
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

export const createBody = {
  required: true,
  content: {
    ...json(CreateGeneration),
    'multipart/form-data': {
      schema: z.object({ image: z.array(binary).min(1).max(4), request: CreateGenerationPart }),
      encoding: { request: { contentType: 'application/json' } },
    },
  },
};

/** One event of the stream, as its fields: what a client's EventSource gives. */
const StreamEvent = z.object({
  id: z.string().optional().meta({ description: 'The sequence.' }),
  event: z.enum(['status', 'progress', 'preview', 'completed']).optional(),
  data: z.string().meta({
    contentMediaType: 'application/json',
    contentSchema: { anyOf: [{ $ref: '#/components/schemas/GenerationState' }, { $ref: '#/components/schemas/Generation' }] },
  }),
});

const createGeneration: ZodOpenApiOperationObject = {
  tags: ['generations'],
  operationId: 'createGeneration',
  summary: 'Ask for portraits of the person in a reference picture',
  description:
    'JSON with upload ids, https URLs or data: URIs; or multipart/form-data with the pictures as parts `image` and the same JSON, without `reference_images`, as part `request`.',
  security: security('generations:write'),
  requestParams: {
    header: z.object({
      ...requestHeaders,
      Prefer: z
        .string()
        .optional()
        .describe(`\`wait=N\`: answer when the generation has ended, or after N (1–${WAIT_MAX_SECONDS}) seconds`),
      'Cancel-After': CancelAfter.optional().describe('give up after this time; also `cancel_after` in the body'),
    }),
  },
  requestBody: createBody,
  responses: {
    '200': {
      description: 'Ended within the time of `Prefer: wait`.',
      headers: { ...location, 'Preference-Applied': headerOf('what was granted of `Prefer`') },
      content: json(Generation),
    },
    '202': {
      description: 'Accepted: the job survives from here on.',
      headers: { ...location, ...replayed, 'Retry-After': headerOf('when to look again, after `Prefer: wait` ran out') },
      content: json(Generation),
    },
    ...problems(
      ...everywhere,
      ...withKey,
      ...withBody,
      ...withPicture,
      ...withIdempotency,
      'upload_invalid',
      'not_found',
      'subject_erased',
      'input_url_blocked',
      'webhook_url_blocked',
      'queue_full',
      'quota_exceeded',
    ),
  },
  callbacks: {
    webhook: {
      '{$request.body#/webhook}': {
        post: {
          summary: 'Standard Webhooks: signed with webhook-id, webhook-timestamp and webhook-signature',
          requestBody: { content: json(GenerationEvent) },
          responses: { '204': { description: 'Taken. Anything but 2xx is tried again.' } },
        },
      },
    },
  },
};

const getGeneration: ZodOpenApiOperationObject = {
  tags: ['generations'],
  operationId: 'getGeneration',
  summary: 'Read a generation, or wait for its next change',
  description:
    '`wait` answers at the first change after the request began: at once, too, if it has ended, or if `If-None-Match` names another state than the present one.',
  security: security('generations:read'),
  requestParams: {
    path: pathId('generation'),
    query: GetGeneration,
    header: z.object({ 'If-None-Match': z.string().optional().describe('the ETag of what you have') }),
  },
  responses: {
    '200': { description: 'The generation.', headers: { ETag: headerOf('the sequence') }, content: json(Generation) },
    '304': { description: 'Unchanged.' },
    ...problems(...everywhere, ...withKey, 'not_found', 'validation_failed'),
  },
};

const removeGeneration: ZodOpenApiOperationObject = {
  tags: ['generations'],
  operationId: 'removeGeneration',
  summary: 'Stop a generation if need be, and remove its data',
  description: 'Input, output, metadata and every object go; the generation stays as a record with `data_removed`.',
  security: security('generations:write'),
  requestParams: { path: pathId('generation') },
  responses: {
    '202': { description: 'It is being stopped or its data removed.', content: json(Generation) },
    '204': { description: 'Its data has been removed.' },
    ...problems(...everywhere, ...withKey, 'not_found'),
  },
};

export const generationPaths: ZodOpenApiPathsObject = {
  '/v1/generations': {
    post: createGeneration,
    get: {
      tags: ['generations'],
      operationId: 'listGenerations',
      summary: 'List generations, newest first',
      security: security('generations:read'),
      requestParams: { query: ListGenerations },
      responses: {
        '200': { description: 'A page; `next_cursor` is null on the last one.', content: json(GenerationList) },
        ...problems(...everywhere, ...withKey, 'validation_failed'),
      },
    },
  },
  '/v1/generations/{id}': { get: getGeneration, delete: removeGeneration },
  '/v1/generations/{id}/cancel': {
    post: {
      tags: ['generations'],
      operationId: 'cancelGeneration',
      summary: 'Stop a generation',
      security: security('generations:write'),
      requestParams: { path: pathId('generation') },
      responses: {
        '200': { description: 'It had ended already, or ended at once.', content: json(Generation) },
        '202': { description: 'It is being stopped.', content: json(Generation) },
        ...problems(...everywhere, ...withKey, 'not_found'),
      },
    },
  },
  '/v1/generations/{id}/retry': {
    post: {
      tags: ['generations'],
      operationId: 'retryGeneration',
      summary: 'The same input, seed and options once more',
      security: security('generations:write'),
      requestParams: { path: pathId('generation'), header: z.object(requestHeaders) },
      responses: {
        '202': {
          description: 'A new generation, whose `retry_of` is this one.',
          headers: { ...location, ...replayed },
          content: json(Generation),
        },
        ...problems(
          ...everywhere,
          ...withKey,
          ...withIdempotency,
          'not_found',
          'not_terminal',
          'model_unavailable',
          'validation_failed',
          'queue_full',
          'quota_exceeded',
        ),
      },
    },
  },
  '/v1/generations/{id}/events': {
    get: {
      tags: ['generations'],
      operationId: 'streamGeneration',
      summary: 'Follow a generation by server-sent events',
      description:
        '`id` is the sequence, `data` JSON. `status`, `progress` and `preview` carry the state at that moment (`GenerationState`), `completed` the generation as it ended; then the stream ends. ' +
        'With `Last-Event-ID` every event since then is sent again, else the present state comes first. A comment comes every 15 s when nothing else does.',
      security: security('generations:read'),
      requestParams: {
        path: pathId('generation'),
        query: StreamEvents,
        header: z.object({
          'Last-Event-ID': z.string().optional().describe('the id of the last event that you have; also `?last_event_id=`'),
        }),
      },
      responses: {
        '200': {
          description: 'The events, each as its fields.',
          content: { 'text/event-stream': { schema: StreamEvent } },
        },
        '204': { description: 'It has ended, and you have all of its events.' },
        ...problems(...everywhere, ...withKey, 'not_found', 'validation_failed'),
      },
    },
  },
  '/v1/generations/{id}/previews/{step}': {
    get: {
      tags: ['generations'],
      operationId: 'getPreview',
      summary: 'A small picture of what is being made; the links in `progress.preview_url` have the query',
      security: [],
      requestParams: { path: pathId('generation').extend({ step: z.string() }), query: link },
      responses: {
        '200': { description: 'The picture of this step, or of a later one.', content: { 'image/*': { schema: binary } } },
        ...problems('not_found', 'data_expired', 'internal', 'unavailable', 'storage_unavailable'),
      },
    },
  },
};
