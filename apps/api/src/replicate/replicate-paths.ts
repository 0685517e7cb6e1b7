/** The facade's part of the OpenAPI document. */
import {
  Account,
  CancelAfter,
  CreatePrediction,
  CreateVersionPrediction,
  Model,
  ModelPage,
  ModelVersion,
  ModelVersionPage,
  PageQuery,
  Prediction,
  PredictionPage,
  ReplicateFile,
  ReplicateFilePage,
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
  pathId,
  problems,
  requestHeaders,
  security,
  withBody,
  withIdempotency,
  withKey,
  withPicture,
} from '../docs/operations.ts';

export const REPLICATE_TAG = {
  name: 'replicate',
  description: 'The same service for Replicate’s client libraries: set their base URL to this one, and run `likeness/<pack>`.',
};
const tags = [REPLICATE_TAG.name];
const model = z.object({ owner: z.string().describe('`likeness`'), name: z.string().describe('name of a pack') });

function create(operationId: string, summary: string, body: z.ZodType, path?: z.ZodObject): ZodOpenApiOperationObject {
  const headers = { Location: headerOf('URL of the prediction'), 'Preference-Applied': headerOf('what was granted of `Prefer`') };
  return {
    tags,
    operationId,
    summary,
    description:
      'The same body sent again within three seconds is the same prediction, because the clients repeat a request whose connection broke.',
    security: security('generations:write'),
    requestParams: {
      ...(path ? { path } : {}),
      header: z.object({
        ...requestHeaders,
        Prefer: z
          .string()
          .optional()
          .describe(`\`wait\` or \`wait=N\`: answer when the prediction has ended, or after N (1–${WAIT_MAX_SECONDS}) seconds`),
        'Cancel-After': CancelAfter.optional().describe('give up after this time; also `cancel_after` in the body'),
      }),
    },
    requestBody: { required: true, content: json(body) },
    responses: {
      '201': { description: 'Created, or ended within the time of `Prefer: wait`.', headers, content: json(Prediction) },
      '202': { description: '`starting`: the time of `Prefer: wait` ran out.', headers, content: json(Prediction) },
      ...problems(
        ...everywhere,
        ...withKey,
        ...withBody,
        ...withPicture,
        ...withIdempotency,
        ...(path ? (['not_found'] as const) : []),
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
            summary: 'The prediction as a GET shows it; signed as Standard Webhooks are',
            requestBody: { content: json(Prediction) },
            responses: { '204': { description: 'Taken. Anything but 2xx is tried again.' } },
          },
        },
      },
    },
  };
}

function read(
  operationId: string,
  summary: string,
  answer: z.ZodType,
  requestParams: ZodOpenApiOperationObject['requestParams'] = {},
  scope: 'generations:read' | 'uploads:write' = 'generations:read',
): ZodOpenApiOperationObject {
  const refusals = [requestParams.path ? (['not_found'] as const) : [], requestParams.query ? (['validation_failed'] as const) : []].flat();
  return {
    tags,
    operationId,
    summary,
    security: security(scope),
    requestParams,
    responses: { '200': { description: 'OK', content: json(answer) }, ...problems(...everywhere, ...withKey, ...refusals) },
  };
}

/** Below a key that the generator does not know, schemas are named instead of given. */
const jsonOf = (name: string, type = 'application/json') => ({ [type]: { schema: { $ref: `#/components/schemas/${name}` } } });
const refusalsBySchema = Object.fromEntries(
  Object.entries(problems(...everywhere, ...withKey, 'payload_too_large', 'unsupported_media_type')).map(([status, answer]) => [
    status,
    { ...answer, content: jsonOf('Problem', 'application/problem+json') },
  ]),
);

export const replicatePaths: ZodOpenApiPathsObject = {
  '/v1/predictions': {
    post: create('createPrediction', 'Run a version of a model', CreateVersionPrediction),
    get: read('listPredictions', 'List predictions, newest first, 100 a page', PredictionPage, { query: PageQuery }),
  },
  '/v1/models/{owner}/{name}/predictions': {
    post: create('createModelPrediction', 'Run a model', CreatePrediction, model),
  },
  '/v1/deployments/{owner}/{name}/predictions': {
    post: create('createDeploymentPrediction', 'Run a model: each is deployed under its own name', CreatePrediction, model),
  },
  '/v1/predictions/{id}': { get: read('getPrediction', 'Read a prediction', Prediction, { path: pathId('prediction') }) },
  '/v1/predictions/{id}/cancel': {
    post: {
      tags,
      operationId: 'cancelPrediction',
      summary: 'Stop a prediction; what has ended stays as it is',
      security: security('generations:write'),
      requestParams: { path: pathId('prediction') },
      responses: {
        '200': { description: 'It is being stopped, or has ended.', content: json(Prediction) },
        ...problems(...everywhere, ...withKey, 'not_found'),
      },
    },
  },
  '/v1/files': {
    post: {
      tags,
      operationId: 'createFile',
      summary: 'Send a picture for later inputs',
      security: security('uploads:write'),
      requestBody: {
        required: true,
        content: {
          'multipart/form-data': {
            schema: z.object({ content: binary, metadata: z.record(z.string(), z.unknown()).optional() }),
            encoding: { metadata: { contentType: 'application/json' } },
          },
        },
      },
      responses: {
        '201': { description: 'Its `urls.get` may stand in an input for 24 hours.', content: json(ReplicateFile) },
        ...problems(...everywhere, ...withKey, ...withBody, ...withPicture),
      },
    },
    get: read(
      'listFiles',
      'List the files that can still be used, newest first, 100 a page',
      ReplicateFilePage,
      { query: PageQuery },
      'uploads:write',
    ),
  },
  '/v1/files/{id}': {
    get: read('getFile', 'Read about a file', ReplicateFile, { path: pathId('file') }, 'uploads:write'),
    delete: {
      tags,
      operationId: 'deleteFile',
      summary: 'Remove a file; predictions that were made with it keep theirs',
      security: security('uploads:write'),
      requestParams: { path: pathId('file') },
      responses: { '204': { description: 'Gone.' }, ...problems(...everywhere, ...withKey, 'not_found') },
    },
  },
  '/v1/files/{id}/download': {
    get: {
      tags,
      operationId: 'downloadFile',
      summary: 'The bytes of a file; `urls.download` has the query',
      security: [],
      requestParams: { path: pathId('file'), query: link },
      responses: {
        '200': { description: 'The picture.', content: { 'image/*': { schema: binary } } },
        ...problems('not_found', 'data_expired', 'internal', 'unavailable', 'storage_unavailable'),
      },
    },
  },
  '/v1/files/streams/{id}': {
    get: {
      tags,
      operationId: 'streamPrediction',
      summary: 'What happens to a prediction, as it happens; `urls.stream` has the query',
      description:
        'Events `logs`, `output` (a signed link for each picture), `error`, and `done` at the end. `id` is the place of the event.',
      security: [],
      requestParams: {
        path: pathId('prediction'),
        query: link,
        header: z.object({ 'Last-Event-ID': z.string().optional().describe('only what came after') }),
      },
      responses: {
        '200': { description: 'Server-sent events.', content: { 'text/event-stream': { schema: z.string() } } },
        ...problems('not_acceptable', 'not_found', 'data_expired', 'internal', 'unavailable'),
      },
    },
  },
  '/v1/account': { get: read('getAccount', 'Whose key this is', Account) },
  '/v1/models': {
    get: read('listModels', 'The packs of this installation', ModelPage),
    // OpenAPI 3.1 has no place for the method QUERY.
    'x-query': {
      tags,
      operationId: 'searchModels',
      summary: 'Models whose name or description has every word of the body',
      security: security('generations:read'),
      requestBody: { required: true, content: { 'text/plain': { schema: { type: 'string' } } } },
      responses: { '200': { description: 'OK', content: jsonOf('ModelPage') }, ...refusalsBySchema },
    },
  },
  '/v1/models/{owner}/{name}': { get: read('getModel', 'A pack as a model', Model, { path: model }) },
  '/v1/models/{owner}/{name}/versions': {
    get: read('listModelVersions', 'Its versions: the one that is installed', ModelVersionPage, { path: model }),
  },
  '/v1/models/{owner}/{name}/versions/{version}': {
    get: read('getModelVersion', 'A version, with the schemas of its input and output', ModelVersion, {
      path: model.extend({ version: z.string() }),
    }),
  },
};
