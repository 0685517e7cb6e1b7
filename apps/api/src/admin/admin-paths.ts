/** The administration in the OpenAPI document. */
import {
  ApiKeyList,
  CreateKey,
  CreateTenant,
  DeadLetterList,
  ListPage,
  NewApiKey,
  Redriven,
  RotateKey,
  Tenant,
  TenantList,
  UpdateTenant,
  WorkerClassView,
  WorkerClassList,
  WorkerList,
  type ErrorCode,
} from '@likeness/contracts';
import { z } from 'zod';
import type { ZodOpenApiOperationObject, ZodOpenApiPathsObject, ZodOpenApiResponsesObject } from 'zod-openapi';
import { everywhere, json, pathId, problems, security, withBody, withKey } from '../docs/operations.ts';

interface Operation {
  readonly params?: ZodOpenApiOperationObject['requestParams'];
  readonly body?: z.ZodType;
  readonly answers: ZodOpenApiResponsesObject;
  readonly refusals?: readonly ErrorCode[];
}

function operation(operationId: string, summary: string, { params, body, answers, refusals = [] }: Operation): ZodOpenApiOperationObject {
  return {
    tags: ['admin'],
    operationId,
    summary,
    security: security('admin'),
    ...(params === undefined ? {} : { requestParams: params }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: json(body) } }),
    responses: { ...answers, ...problems(...everywhere, ...withKey, ...(body === undefined ? [] : withBody), ...refusals) },
  };
}

const answer = (description: string, schema: z.ZodType) => ({ description, content: json(schema) });
const tenant = { path: pathId('tenant') };
const workerClass = { path: z.object({ class: z.string().describe('parsing, embedding or diffusion') }) };
const key = { path: pathId('key') };

export const adminPaths: ZodOpenApiPathsObject = {
  '/admin/tenants': {
    post: operation('createTenant', 'Create a tenant', { body: CreateTenant, answers: { '201': answer('The tenant.', Tenant) } }),
    get: operation('listTenants', 'List tenants, newest first', {
      params: { query: ListPage },
      answers: { '200': answer('A page.', TenantList) },
      refusals: ['validation_failed'],
    }),
  },
  '/admin/tenants/{id}': {
    get: operation('getTenant', 'Read a tenant', {
      params: tenant,
      answers: { '200': answer('The tenant.', Tenant) },
      refusals: ['not_found'],
    }),
    patch: operation('updateTenant', 'Change a name or a limit; it holds at once', {
      params: tenant,
      body: UpdateTenant,
      answers: { '200': answer('The tenant as it is now.', Tenant) },
      refusals: ['not_found'],
    }),
    delete: operation('deleteTenant', 'Refuse new work at once, cancel what runs, remove all its data', {
      params: tenant,
      answers: { '202': answer('It is being removed; 404 when that is done.', Tenant) },
      refusals: ['not_found', 'validation_failed'],
    }),
  },
  '/admin/tenants/{id}/keys': {
    post: operation('createKey', 'Create an API key; the answer alone has its secret', {
      params: tenant,
      body: CreateKey,
      answers: { '201': answer('The key with its secret.', NewApiKey) },
      refusals: ['not_found'],
    }),
    get: operation('listKeys', 'List the keys of a tenant that are not revoked, newest first', {
      params: { ...tenant, query: ListPage },
      answers: { '200': answer('A page.', ApiKeyList) },
      refusals: ['not_found', 'validation_failed'],
    }),
  },
  '/admin/keys/{id}/rotate': {
    post: operation('rotateKey', 'Give a key a new secret; the present one works for the overlap', {
      params: key,
      body: RotateKey,
      answers: { '200': answer('The key with its new secret.', NewApiKey) },
      refusals: ['not_found'],
    }),
  },
  '/admin/keys/{id}': {
    delete: operation('revokeKey', 'Revoke a key, with both its secrets', {
      params: key,
      answers: { '204': { description: 'It works no more, on any API process, within 5 s.' } },
      refusals: ['not_found'],
    }),
  },
  '/admin/worker-classes': {
    get: operation('listWorkerClasses', 'List the worker classes, and which are paused', {
      answers: { '200': answer('All of them.', WorkerClassList) },
    }),
  },
  '/admin/worker-classes/{class}/pause': {
    post: operation('pauseWorkerClass', 'Give a class nothing any more; what a worker holds ends', {
      params: workerClass,
      answers: { '200': answer('Paused.', WorkerClassView) },
      refusals: ['not_found'],
    }),
  },
  '/admin/worker-classes/{class}/resume': {
    post: operation('resumeWorkerClass', 'Let a class work again', {
      params: workerClass,
      answers: { '200': answer('Not paused.', WorkerClassView) },
      refusals: ['not_found'],
    }),
  },
  '/admin/workers': {
    get: operation('listWorkers', 'List the workers, and what they work on', { answers: { '200': answer('All of them.', WorkerList) } }),
  },
  '/admin/board': {
    get: {
      tags: ['admin'],
      operationId: 'getBoard',
      summary: 'Bull Board: what lies in the queues, to be looked at; a browser sends the key as the password',
      security: [{ apiKey: ['admin'] }, { password: [] }],
      responses: {
        '200': { description: 'A page.', content: { 'text/html': { schema: z.string() } } },
        ...problems('malformed_request', 'unauthenticated', 'insufficient_scope', 'internal', 'unavailable'),
      },
    },
  },
  '/admin/dead-letters': {
    get: operation('listDeadLetters', 'What failed by the fault of the service or was never delivered, newest first', {
      params: { query: ListPage },
      answers: { '200': answer('A page.', DeadLetterList) },
      refusals: ['validation_failed'],
    }),
  },
  '/admin/dead-letters/{id}/redrive': {
    post: operation('redriveDeadLetter', 'A failed generation is asked for again, under a new id; a delivery is sent again', {
      params: { path: pathId('dead letter') },
      answers: { '202': answer('What it has become.', Redriven) },
      refusals: ['not_found', 'not_terminal', 'data_expired', 'endpoint_disabled', 'queue_full', 'quota_exceeded', 'model_unavailable'],
    }),
  },
};
