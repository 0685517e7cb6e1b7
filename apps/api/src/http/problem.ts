/** Whatever went wrong, as a problem document (RFC 9457). Nothing else in the API writes an error. */
import { STATUS_CODES } from 'node:http';
import { HttpException } from '@nestjs/common';
import { errors, LikenessError, type ErrorCode, type Problem } from '@likeness/contracts';
import type { FastifyReply } from 'fastify';

/** Statuses with which Fastify and Nest refuse a request before any code of ours sees it. */
const codesByStatus: Partial<Record<number, ErrorCode>> = {
  400: 'malformed_request',
  404: 'not_found',
  405: 'method_not_allowed',
  406: 'not_acceptable',
  408: 'malformed_request',
  413: 'payload_too_large',
  414: 'not_found', // an id that long does not exist
  415: 'unsupported_media_type',
  431: 'malformed_request',
  503: 'unavailable',
};

/** Any thrown value as an error of the registry; what is not one of ours and no refusal of the framework becomes `internal`. */
export function toLikenessError(thrown: unknown): LikenessError {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if (error instanceof LikenessError) return error.code === 'storage_unavailable' ? withoutReason(error) : error;
  }
  const status = statusOf(thrown);
  const code = status === undefined ? undefined : codesByStatus[status];
  if (code === undefined) return new LikenessError('internal', 'The request could not be completed.', { cause: thrown });
  return new LikenessError(code, (thrown as Error).message, { cause: thrown });
}

/** Why the store failed (paths, hosts) is for the log. */
const withoutReason = (cause: LikenessError) => new LikenessError(cause.code, errors[cause.code].title, { retryAfter: 2, cause });

function statusOf(thrown: unknown): number | undefined {
  if (thrown instanceof HttpException) return thrown.getStatus();
  if (thrown instanceof SyntaxError) return 400;
  if (!(thrown instanceof Error) || !('statusCode' in thrown)) return undefined;
  return typeof thrown.statusCode === 'number' && thrown.statusCode < 500 ? thrown.statusCode : undefined;
}

/** The document. `type` leads to the page of the codes. */
export function problemOf(error: LikenessError, requestId: string, publicUrl: string): Problem {
  const { title, hint, retryable } = errors[error.code];
  return {
    type: `${publicUrl}/docs/errors#${error.code}`,
    title,
    status: error.status,
    code: error.code,
    detail: error.message,
    hint,
    retryable,
    request_id: requestId,
    ...(error.fields.length > 0 ? { errors: [...error.fields] } : {}),
  };
}

/** As bytes, because Fastify would add a charset to a text, which the media type does not have. */
export function sendProblem(reply: FastifyReply, error: LikenessError, requestId: string, publicUrl: string): void {
  if (error.retryAfter !== undefined) reply.header('retry-after', String(error.retryAfter));
  void reply
    .status(error.status)
    .header('x-request-id', requestId)
    .header('content-type', 'application/problem+json')
    .send(Buffer.from(JSON.stringify(problemOf(error, requestId, publicUrl))));
}

/** A whole HTTP/1.1 answer, for requests that Node's parser refused: there is no request object then, only a socket. */
export function rawProblem(error: LikenessError, requestId: string, publicUrl: string): string {
  const body = JSON.stringify(problemOf(error, requestId, publicUrl));
  return [
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}
