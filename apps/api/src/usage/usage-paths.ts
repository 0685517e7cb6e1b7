/** Usage and limits in the OpenAPI document. */
import { CancelAfter, Estimate, GetUsage, Limits, Usage } from '@likeness/contracts';
import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { everywhere, json, problems, security, withBody, withKey } from '../docs/operations.ts';
import { createBody } from '../generations/generation-paths.ts';

export const usagePaths: ZodOpenApiPathsObject = {
  '/v1/generations/estimate': {
    post: {
      tags: ['usage'],
      operationId: 'estimateGeneration',
      summary: 'What a generation would cost and when it would be done; creates nothing',
      description: 'The body of a create, judged in the same way; only limits are not looked at.',
      security: security('generations:write'),
      requestParams: { header: z.object({ 'Cancel-After': CancelAfter.optional() }) },
      requestBody: createBody,
      responses: {
        '200': { description: 'The estimate.', content: json(Estimate) },
        ...problems(
          ...everywhere,
          ...withKey,
          ...withBody,
          'image_unreadable',
          'image_too_small',
          'not_found',
          'subject_erased',
          'upload_invalid',
          'input_url_blocked',
          'webhook_url_blocked',
        ),
      },
    },
  },
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
