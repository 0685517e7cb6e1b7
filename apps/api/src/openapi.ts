/** OpenAPI 3.1, made from the contract's schemas. A test holds this table to the routes that exist, and commits the result as `docs/openapi.json`. */
import {
  CancelAfter,
  CreateGeneration,
  CreateGenerationPart,
  CreateUpload,
  Generation,
  GenerationEvent,
  GenerationList,
  GetGeneration,
  ListGenerations,
  QueueState,
  SCOPES,
  Upload,
  WAIT_MAX_SECONDS,
} from '@likeness/contracts';
import { z } from 'zod';
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from 'zod-openapi';
import { adminPaths } from './admin/admin-paths.ts';
import {
  binary,
  everywhere,
  headerOf,
  json,
  link,
  location,
  pathId,
  plain,
  problems,
  replayed,
  requestHeaders,
  security,
  withBody,
  withIdempotency,
  withKey,
  withPicture,
} from './docs/operations.ts';
import { webhookEvents, webhookPaths } from './webhook-endpoints/webhook-paths.ts';

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
  requestBody: {
    required: true,
    content: {
      ...json(CreateGeneration),
      'multipart/form-data': {
        schema: z.object({ image: z.array(binary).min(1).max(4), request: CreateGenerationPart }),
        encoding: { request: { contentType: 'application/json' } },
      },
    },
  },
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

const paths: ZodOpenApiPathsObject = {
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
  '/v1/generations/{id}': { get: getGeneration },
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
  '/v1/uploads': {
    post: {
      tags: ['uploads'],
      operationId: 'createUpload',
      summary: 'Declare a picture and get a link to put it to, or send it as the part `file`',
      security: security('uploads:write'),
      requestParams: { header: z.object(requestHeaders) },
      requestBody: { required: true, content: { ...json(CreateUpload), 'multipart/form-data': { schema: z.object({ file: binary }) } } },
      responses: {
        '201': { description: '`pending` with a link, or `ready`.', headers: replayed, content: json(Upload) },
        ...problems(...everywhere, ...withKey, ...withBody, ...withPicture, ...withIdempotency),
      },
    },
  },
  '/v1/uploads/{id}/content': {
    put: {
      tags: ['uploads'],
      operationId: 'putUpload',
      summary: 'The bytes of a declared upload; the link in its answer has the query',
      security: [],
      requestParams: { path: pathId('upload'), query: link },
      requestBody: { required: true, content: { 'image/*': { schema: binary } } },
      responses: {
        '200': { description: 'Ready to be used.', content: json(Upload) },
        ...problems(...everywhere, ...withPicture, 'not_found', 'data_expired', 'payload_too_large', 'upload_invalid'),
      },
    },
  },
  '/v1/artifacts/{id}': {
    get: {
      tags: ['artifacts'],
      operationId: 'getArtifact',
      summary: 'The bytes of a portrait; the links in `output` have the query',
      security: [],
      requestParams: {
        path: pathId('artifact'),
        query: link,
        header: z.object({ Range: z.string().optional(), 'If-None-Match': z.string().optional() }),
      },
      responses: {
        '200': { description: 'The picture.', headers: { ETag: headerOf('its SHA-256') }, content: { 'image/*': { schema: binary } } },
        '206': { description: 'A part of it.', content: { 'image/*': { schema: binary } } },
        '304': { description: 'Unchanged.' },
        ...problems('not_found', 'data_expired', 'internal', 'unavailable', 'storage_unavailable'),
      },
    },
  },
  ...webhookPaths,
  '/v1/queue': {
    get: {
      tags: ['operation'],
      operationId: 'getQueue',
      summary: 'Demand and slots of every worker class',
      description: 'Any valid key; none is needed from this machine, or with METRICS_PUBLIC.',
      security: [{}, { apiKey: [] }],
      responses: {
        '200': { description: 'Every class, with zeros when idle.', content: json(QueueState) },
        ...problems(...everywhere, 'unauthenticated', 'rate_limited'),
      },
    },
  },
  ...adminPaths,
  '/healthz': { get: plain('getHealth', 'Whether the process lives', 'application/json', z.object({ status: z.literal('ok') })) },
  '/readyz': { get: plain('getReadiness', 'Whether requests can be served', 'application/json', z.object({ status: z.literal('ok') })) },
  '/metrics': { get: { ...plain('getMetrics', 'Prometheus metrics', 'text/plain', z.string()), security: [{}, { apiKey: [] }] } },
  '/openapi.json': { get: plain('getOpenApi', 'This document', 'application/json', z.object({}).loose()) },
  '/docs': { get: plain('getDocs', 'This document to read and try', 'text/html', z.string()) },
  '/docs/errors': { get: plain('getErrors', 'What every error code means', 'text/markdown', z.string()) },
};

export function openApiDocument(publicUrl: string): ReturnType<typeof createDocument> {
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Likeness',
      version: '1.0.0',
      description:
        'Portraits that keep the person. Every answer carries `X-Request-Id`; every error is a problem document whose codes are listed at `/docs/errors`. ' +
        '`RateLimit` and `RateLimit-Policy` say what is left of the tenant’s requests per minute; they are counted per API process.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: publicUrl }],
    tags: ['generations', 'uploads', 'artifacts', 'webhooks', 'operation', 'admin'].map((name) => ({ name })),
    paths,
    webhooks: webhookEvents,
    components: {
      securitySchemes: {
        apiKey: { type: 'http', scheme: 'bearer', description: `An API key, \`lk_<id>_<secret>\`. Scopes: ${SCOPES.join(', ')}.` },
      },
    },
  });
}
