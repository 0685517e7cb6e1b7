/** The operations of batches in the OpenAPI document. */
import { Batch, BatchEvent, BatchItemList, BatchList, CreateBatchBody, ListBatches } from '@likeness/contracts';
import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import {
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
} from '../docs/operations.ts';

export const batchPaths: ZodOpenApiPathsObject = {
  '/v1/batches': {
    post: {
      tags: ['batches'],
      operationId: 'createBatch',
      summary: 'Ask for up to 1,000 generations at once',
      description:
        'Every item is judged for itself: one that is wrong, or for which there is no room, is rejected with its reason, and the others are made. `defaults` hold for every item that does not say otherwise.',
      security: security('generations:write'),
      requestParams: { header: z.object(requestHeaders) },
      requestBody: { required: true, content: json(CreateBatchBody) },
      responses: {
        '202': { description: 'Accepted.', headers: { Location: headerOf('URL of the batch'), ...replayed }, content: json(Batch) },
        ...problems(...everywhere, ...withKey, ...withBody, ...withIdempotency, 'webhook_url_blocked', 'storage_unavailable'),
      },
      callbacks: {
        webhook: {
          '{$request.body#/webhook}': {
            post: {
              summary: 'Once, when the last generation has ended; Standard Webhooks as for generations',
              requestBody: { content: json(BatchEvent) },
              responses: { '204': { description: 'Taken. Anything but 2xx is tried again.' } },
            },
          },
        },
      },
    },
    get: {
      tags: ['batches'],
      operationId: 'listBatches',
      summary: 'List batches, newest first',
      security: security('generations:read'),
      requestParams: { query: ListBatches },
      responses: {
        '200': { description: 'A page; `next_cursor` is null on the last one.', content: json(BatchList) },
        ...problems(...everywhere, ...withKey, 'validation_failed'),
      },
    },
  },
  '/v1/batches/{id}': {
    get: {
      tags: ['batches'],
      operationId: 'getBatch',
      summary: 'Read a batch',
      security: security('generations:read'),
      requestParams: { path: pathId('batch') },
      responses: { '200': { description: 'The batch.', content: json(Batch) }, ...problems(...everywhere, ...withKey, 'not_found') },
    },
  },
  '/v1/batches/{id}/cancel': {
    post: {
      tags: ['batches'],
      operationId: 'cancelBatch',
      summary: 'Stop what is left of a batch',
      security: security('generations:write'),
      requestParams: { path: pathId('batch') },
      responses: {
        '200': { description: 'It had ended already, or ended at once.', content: json(Batch) },
        '202': { description: 'It is being stopped.', content: json(Batch) },
        ...problems(...everywhere, ...withKey, 'not_found'),
      },
    },
  },
  '/v1/batches/{id}/items': {
    get: {
      tags: ['batches'],
      operationId: 'listBatchItems',
      summary: 'What has become of each item, in the order given',
      security: security('generations:read'),
      requestParams: { path: pathId('batch'), query: ListBatches },
      responses: {
        '200': { description: 'A page; `next_cursor` is null on the last one.', content: json(BatchItemList) },
        ...problems(...everywhere, ...withKey, 'not_found', 'validation_failed'),
      },
    },
  },
};
