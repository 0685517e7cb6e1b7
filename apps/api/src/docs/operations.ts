/** What the operations of the OpenAPI document are written with: contents, headers, and the refusals that several routes share. */
import { errors, IdempotencyKey, Problem, type ErrorCode, type Scope } from '@likeness/contracts';
import { z } from 'zod';
import type { ZodOpenApiOperationObject, ZodOpenApiResponsesObject } from 'zod-openapi';

export const binary = z.string().meta({ format: 'binary', description: 'the bytes of a picture' });
export const pathId = (what: string) => z.object({ id: z.string().describe(`id of the ${what}`) });
export const link = z.object({ expires: z.string().describe('seconds since 1970'), signature: z.string() });
export const requestHeaders = {
  'Idempotency-Key': IdempotencyKey.optional().describe('the same key with the same body is the same job for 24 h'),
};

export const json = (schema: z.ZodType) => ({ 'application/json': { schema } });
export const headerOf = (description: string) => ({ description, schema: { type: 'string' as const } });

export const location = { Location: headerOf('URL of the generation') };
export const replayed = { 'Idempotent-Replayed': headerOf('"true" when an earlier request with the same Idempotency-Key made this') };

/** Answers that every route can give, and those of one route, by the codes of the registry. */
export function problems(...codes: ErrorCode[]): ZodOpenApiResponsesObject {
  const byStatus = Map.groupBy(codes, (code) => errors[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, names]) => [
      String(status) as '422',
      {
        description: names.map((name) => `\`${name}\`: ${errors[name].title}`).join('\n\n'),
        content: { 'application/problem+json': { schema: Problem } },
      },
    ]),
  );
}

export const everywhere = ['malformed_request', 'not_acceptable', 'internal', 'unavailable'] as const;
export const withKey = ['unauthenticated', 'insufficient_scope', 'rate_limited'] as const;
export const withBody = ['payload_too_large', 'unsupported_media_type', 'validation_failed'] as const;
export const withPicture = ['image_unreadable', 'image_too_small', 'storage_unavailable'] as const;
export const withIdempotency = ['idempotency_in_progress', 'idempotency_key_reused', 'data_expired'] as const;

export const security = (...scopes: Scope[]) => [{ apiKey: scopes }];

/** A page or a probe: no parameters, one answer. */
export function plain(operationId: string, summary: string, type: string, schema: z.ZodType): ZodOpenApiOperationObject {
  return {
    tags: ['operation'],
    operationId,
    summary,
    security: [],
    responses: { '200': { description: 'OK', content: { [type]: { schema } } }, ...problems('not_acceptable', 'unavailable', 'internal') },
  };
}
