/** The webhooks' part of the OpenAPI document: the routes, and what is sent to receivers. */
import {
  BatchEvent,
  CreateWebhookEndpoint,
  DefaultSecret,
  EndpointEvent,
  GenerationEvent,
  ListDeliveries,
  ListWebhookEndpoints,
  RecoverDeliveries,
  RecoveredDeliveries,
  RotateSecret,
  SubjectEvent,
  TestedEndpoint,
  UpdateWebhookEndpoint,
  WebhookDelivery,
  WebhookDeliveryList,
  WebhookEndpoint,
  WebhookEndpointList,
  WebhookEndpointWithSecret,
  type ErrorCode,
  type EventType,
} from '@likeness/contracts';
import type { z } from 'zod';
import type { ZodOpenApiOperationObject, ZodOpenApiPathsObject } from 'zod-openapi';
import { everywhere, json, pathId, problems, security, withBody, withKey } from '../docs/operations.ts';

interface Described {
  readonly summary: string;
  readonly description?: string;
  readonly params?: NonNullable<ZodOpenApiOperationObject['requestParams']>;
  /** The body, and whether it must be there. */
  readonly body?: readonly [z.ZodType, 'required' | 'optional'];
  /** Status, what it means, and what it brings. */
  readonly answer: readonly ['200' | '201' | '202' | '204', string, z.ZodType?];
  readonly codes?: readonly ErrorCode[];
}

function operation(operationId: string, { summary, description, params, body, answer, codes = [] }: Described): ZodOpenApiOperationObject {
  const [status, meaning, schema] = answer;
  return {
    tags: ['webhooks'],
    operationId,
    summary,
    ...(description === undefined ? {} : { description }),
    security: security('webhooks:manage'),
    ...(params === undefined ? {} : { requestParams: params }),
    ...(body === undefined ? {} : { requestBody: { required: body[1] === 'required', content: json(body[0]) } }),
    responses: {
      [status]: { description: meaning, ...(schema === undefined ? {} : { content: json(schema) }) },
      ...problems(...everywhere, ...withKey, ...(body === undefined ? [] : withBody), ...codes),
    },
  };
}

const endpoint = { path: pathId('webhook endpoint') };

export const webhookPaths: ZodOpenApiPathsObject = {
  '/v1/webhook-endpoints': {
    post: operation('createWebhookEndpoint', {
      summary: 'Hear of every event of some types at a URL',
      body: [CreateWebhookEndpoint, 'required'],
      answer: ['201', 'With the secret that signs, shown here and at rotation only.', WebhookEndpointWithSecret],
      codes: ['webhook_url_blocked'],
    }),
    get: operation('listWebhookEndpoints', {
      summary: 'List webhook endpoints, newest first',
      params: { query: ListWebhookEndpoints },
      answer: ['200', 'A page; `next_cursor` is null on the last one.', WebhookEndpointList],
      codes: ['validation_failed'],
    }),
  },
  '/v1/webhook-endpoints/{id}': {
    get: operation('getWebhookEndpoint', {
      summary: 'Read a webhook endpoint',
      params: endpoint,
      answer: ['200', 'The endpoint.', WebhookEndpoint],
      codes: ['not_found'],
    }),
    patch: operation('updateWebhookEndpoint', {
      summary: 'Change a webhook endpoint; what is not given stays',
      description: 'Deliveries that are still to come go to the new URL. Enabling one that was disabled clears its reason.',
      params: endpoint,
      body: [UpdateWebhookEndpoint, 'required'],
      answer: ['200', 'The endpoint.', WebhookEndpoint],
      codes: ['not_found', 'webhook_url_blocked'],
    }),
    delete: operation('deleteWebhookEndpoint', {
      summary: 'Remove a webhook endpoint and its log',
      params: endpoint,
      answer: ['204', 'Gone; what had not been delivered is not delivered any more.'],
      codes: ['not_found'],
    }),
  },
  '/v1/webhook-endpoints/{id}/rotate-secret': {
    post: operation('rotateWebhookEndpointSecret', {
      summary: 'Replace the secret; for a while deliveries carry two signatures',
      params: endpoint,
      body: [RotateSecret, 'optional'],
      answer: ['200', 'With the new secret.', WebhookEndpointWithSecret],
      codes: ['not_found'],
    }),
  },
  '/v1/webhook-endpoints/{id}/test': {
    post: operation('testWebhookEndpoint', {
      summary: 'Send an `endpoint.test`',
      params: endpoint,
      answer: ['202', 'On its way; the log of deliveries shows what comes of it.', TestedEndpoint],
      codes: ['not_found', 'endpoint_disabled'],
    }),
  },
  '/v1/webhook-endpoints/{id}/deliveries': {
    get: operation('listWebhookDeliveries', {
      summary: 'The delivery log, newest first',
      params: { ...endpoint, query: ListDeliveries },
      answer: ['200', 'A page; `next_cursor` is null on the last one.', WebhookDeliveryList],
      codes: ['not_found', 'validation_failed'],
    }),
  },
  '/v1/webhook-endpoints/{id}/recover': {
    post: operation('recoverWebhookDeliveries', {
      summary: 'Send everything anew that has failed since a time',
      params: endpoint,
      body: [RecoverDeliveries, 'required'],
      answer: ['202', 'On their way, with their `webhook-id` and `sequence`.', RecoveredDeliveries],
      codes: ['not_found', 'endpoint_disabled'],
    }),
  },
  '/v1/webhook-deliveries/{id}/replay': {
    post: operation('replayWebhookDelivery', {
      summary: 'Send a delivery once more, now',
      description:
        'With the same `webhook-id` and body. The schedule of attempts begins anew. Deliveries of a request’s own webhook have the id of their `webhook-id` header.',
      params: { path: pathId('webhook delivery') },
      answer: ['202', 'On its way.', WebhookDelivery],
      codes: ['not_found', 'endpoint_disabled'],
    }),
  },
  '/v1/webhooks/default/secret': {
    get: operation('getDefaultWebhookSecret', {
      summary: 'The secret that signs the webhooks of requests',
      answer: ['200', 'The secret.', DefaultSecret],
    }),
  },
  '/v1/webhooks/default/secret/rotate': {
    post: operation('rotateDefaultWebhookSecret', {
      summary: 'Replace that secret; for a while deliveries carry two signatures',
      body: [RotateSecret, 'optional'],
      answer: ['200', 'The new secret.', DefaultSecret],
    }),
  },
};

const received = (type: EventType, summary: string, schema: z.ZodType) => ({
  [type]: {
    post: {
      tags: ['webhooks'],
      operationId: `receive ${type}`,
      summary,
      description:
        'Standard Webhooks: verify `webhook-signature` over `webhook-id`, `webhook-timestamp` and the body. Anything but 2xx within 15 s is tried again.',
      requestBody: { required: true, content: json(schema) },
      responses: { '204': { description: 'Taken.' }, '410': { description: 'Never again: the endpoint is disabled.' } },
    },
  },
});

export const webhookEvents = {
  ...received('generation.started', 'A worker has begun', GenerationEvent),
  ...received('generation.progress', 'A step further; at most twice a second', GenerationEvent),
  ...received('generation.completed', 'Any end: `data.status` says which', GenerationEvent),
  ...received('batch.completed', 'Every accepted item of a batch has ended', BatchEvent),
  ...received('subject.erased', 'Nothing of a subject is left', SubjectEvent),
  ...received('endpoint.disabled', 'Another endpoint answered 410, or failed for five days', EndpointEvent),
  ...received('endpoint.test', 'Asked for with `…/test`', EndpointEvent),
};
