/** The bytes of a declared upload, put by a signed link: they must be what was declared, or the upload is rejected for good. */
import { LikenessError } from '@likeness/contracts';
import type { Db } from '@likeness/platform/db';
import type { SealedStore } from '@likeness/platform/storage';
import type { IncomingMessage } from 'node:http';
import { sha256 } from '../http/idempotency.ts';
import { inspectPicture } from './inspect-picture.ts';
import { decideUpload, findUploadWithKey, type UploadRow } from './uploads.store.ts';

/** @throws LikenessError `not_found`, `upload_invalid`, `image_unreadable`, `image_too_small` */
export async function receiveUpload(
  { db, store }: { db: Db; store: SealedStore },
  id: string,
  request: IncomingMessage,
): Promise<UploadRow> {
  const found = await findUploadWithKey(db, id);
  if (!found) throw new LikenessError('not_found', `There is no upload ${id}.`);
  const { data_key: dataKey, ...upload } = found;
  if (upload.status !== 'pending')
    throw new LikenessError('upload_invalid', `The upload ${id} is ${upload.status} already; create another one.`);
  try {
    const bytes = await readDeclared(upload, request);
    await inspectPicture(bytes);
    await store.put(upload.object_key, bytes, { contentType: upload.content_type, dataKey });
  } catch (error) {
    // A connection that broke or a store that is away says nothing about the picture: the link may be used again.
    if (error instanceof LikenessError && error.status === 422) await decideUpload(db, upload.id, 'rejected');
    throw error;
  }
  await decideUpload(db, upload.id, 'ready');
  return { ...upload, status: 'ready' };
}

/** Stops reading at the first byte too many. */
async function readDeclared({ id, size, content_type, sha256: declared }: UploadRow, request: IncomingMessage): Promise<Uint8Array> {
  const mismatch = (what: string) => new LikenessError('upload_invalid', `The upload ${id} ${what}.`);
  const type = request.headers['content-type']?.split(';')[0]?.trim();
  if (type !== content_type) throw mismatch(`was declared as ${content_type}; got ${type ?? 'no Content-Type'}`);
  const length = request.headers['content-length'];
  if (length !== undefined && Number(length) !== size) throw mismatch(`was declared with ${size} bytes; got ${length}`);
  const chunks: Uint8Array[] = [];
  let received = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    received += chunk.length;
    if (received > size) throw mismatch(`was declared with ${size} bytes; got more`);
    chunks.push(chunk);
  }
  if (received !== size) throw mismatch(`was declared with ${size} bytes; got ${received}`);
  const bytes = Buffer.concat(chunks);
  const actual = sha256(bytes);
  if (actual !== declared) throw mismatch(`was declared with the SHA-256 ${declared}; got ${actual}`);
  return bytes;
}
