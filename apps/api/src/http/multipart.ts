/** `multipart/form-data` into memory, with a bound on everything: parts, bytes of a part, bytes of all. */
import { BODY_MAX_BYTES, LikenessError, PICTURE_MAX_BYTES } from '@likeness/contracts';
import type { FastifyRequest } from 'fastify';
import { sha256 } from './idempotency.ts';

export interface FilePart {
  readonly name: string;
  readonly filename: string;
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

export interface Form {
  readonly files: readonly FilePart[];
  /** Parts without a file name, and `request`, whichever way it was sent. */
  readonly fields: ReadonlyMap<string, string>;
}

export const isMultipart = (request: FastifyRequest): boolean => /^multipart\/form-data\b/i.test(request.headers['content-type'] ?? '');

/** @throws LikenessError `payload_too_large`, `malformed_request` */
export async function readForm(request: FastifyRequest): Promise<Form> {
  try {
    return await readParts(request);
  } catch (error) {
    if (error instanceof LikenessError) throw error;
    throw refusal(error as Error & { code?: string; statusCode?: number });
  }
}

/** What the plugin refuses has a status; what its parser stumbles over has none. */
function refusal(error: Error & { code?: string; statusCode?: number }): LikenessError {
  if (error.code === 'FST_REQ_FILE_TOO_LARGE') {
    return new LikenessError('payload_too_large', `A part has more than ${PICTURE_MAX_BYTES} bytes.`, { cause: error });
  }
  const code = error.statusCode === 413 ? 'payload_too_large' : 'malformed_request';
  return new LikenessError(code, `The form cannot be read: ${error.message}.`, { cause: error });
}

async function readParts(request: FastifyRequest): Promise<Form> {
  const files: FilePart[] = [];
  const fields = new Map<string, string>();
  let total = 0;
  const limits = { fileSize: PICTURE_MAX_BYTES, fieldSize: 1_000_000, files: 8, fields: 8, parts: 16 };
  for await (const part of request.parts({ limits })) {
    if (part.type === 'field') {
      if (part.valueTruncated)
        throw new LikenessError('payload_too_large', `The part "${part.fieldname}" has more than ${limits.fieldSize} bytes.`);
      // The plugin has parsed a part that says it is JSON.
      addField(fields, part.fieldname, typeof part.value === 'string' ? part.value : JSON.stringify(part.value));
      continue;
    }
    const bytes = await part.toBuffer();
    total += bytes.length;
    if (total > BODY_MAX_BYTES) throw new LikenessError('payload_too_large', `The body has more than ${BODY_MAX_BYTES} bytes.`);
    if (part.fieldname === 'request') addField(fields, part.fieldname, bytes.toString('utf8'));
    else files.push({ name: part.fieldname, filename: part.filename || 'picture', bytes, sha256: sha256(bytes) });
  }
  return { files, fields };
}

function addField(fields: Map<string, string>, name: string, value: string): void {
  if (fields.has(name)) throw new LikenessError('malformed_request', `The part "${name}" was sent more than once.`);
  fields.set(name, value);
}
