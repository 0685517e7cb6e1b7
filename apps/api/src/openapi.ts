/** OpenAPI 3.1, made from the contract's schemas. A test holds this table to the routes that exist, and commits the result as `docs/openapi.json`. */
import { CreateUpload, GenerationState, QueueState, SCOPES, Upload } from '@likeness/contracts';
import { z } from 'zod';
import { createDocument, type ZodOpenApiPathsObject } from 'zod-openapi';
import { adminPaths } from './admin/admin-paths.ts';
import { batchPaths } from './batches/batch-paths.ts';
import { generationPaths } from './generations/generation-paths.ts';
import { presetPaths } from './presets/preset-paths.ts';
import {
  binary,
  everywhere,
  headerOf,
  json,
  link,
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
import { REPLICATE_TAG, replicatePaths } from './replicate/replicate-paths.ts';
import { subjectPaths } from './subjects/subject-paths.ts';
import { usagePaths } from './usage/usage-paths.ts';
import { webhookEvents, webhookPaths } from './webhook-endpoints/webhook-paths.ts';

export const paths: ZodOpenApiPathsObject = {
  ...generationPaths,
  ...batchPaths,
  ...presetPaths,
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
  ...subjectPaths,
  ...webhookPaths,
  ...replicatePaths,
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
  ...usagePaths,
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
        '`RateLimit` and `RateLimit-Policy` say what is left of the tenant’s requests per minute; an administrator’s key has no such limit.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: publicUrl }],
    tags: [
      ...['generations', 'batches', 'presets', 'uploads', 'artifacts', 'webhooks', 'usage', 'operation', 'admin'].map((name) => ({ name })),
      REPLICATE_TAG,
    ],
    paths,
    webhooks: webhookEvents,
    components: {
      schemas: { GenerationState }, // named by the stream's events alone
      securitySchemes: {
        password: {
          type: 'http',
          scheme: 'basic',
          description: 'The password is an API key with the scope admin; the user’s name does not matter.',
        },
        apiKey: { type: 'http', scheme: 'bearer', description: `An API key, \`lk_<id>_<secret>\`. Scopes: ${SCOPES.join(', ')}.` },
      },
    },
  });
}
