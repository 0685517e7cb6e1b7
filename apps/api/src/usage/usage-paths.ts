/** Usage and limits in the OpenAPI document. */
import { GetUsage, Limits, Usage } from '@likeness/contracts';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { everywhere, json, problems, security, withKey } from '../docs/operations.ts';

export const usagePaths: ZodOpenApiPathsObject = {
  '/v1/usage': {
    get: {
      tags: ['usage'],
      operationId: 'getUsage',
      summary: 'What was used, by day or month',
      security: security('generations:read'),
      requestParams: { query: GetUsage },
      responses: {
        '200': { description: 'Periods in order, and their sum. It outlives the generations.', content: json(Usage) },
        ...problems(...everywhere, ...withKey, 'validation_failed'),
      },
    },
  },
  '/v1/limits': {
    get: {
      tags: ['usage'],
      operationId: 'getLimits',
      summary: 'Limits, and what is left of them',
      security: security('generations:read'),
      responses: { '200': { description: 'The limits.', content: json(Limits) }, ...problems(...everywhere, ...withKey) },
    },
  },
};
