/** Bytes that arrived with a request become an upload: checked, stored, then recorded as ready. */
import { newId, type TenantId } from '@likeness/contracts';
import type { Db } from '@likeness/platform/db';
import type { SealedStore } from '@likeness/platform/storage';
import type { IdempotentRequest } from '../http/idempotency.ts';
import { inspectPicture } from './inspect-picture.ts';
import { insertUpload, objectKeyOf, type UploadRow } from './uploads.store.ts';

export interface ReceivedPicture {
  readonly filename: string;
  readonly bytes: Uint8Array;
  readonly sha256: string;
  /** Whatever the client keeps with it. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/**
 * The object is there before the row that points at it. Null when another request has used the idempotency key meanwhile.
 * @throws LikenessError `image_unreadable`, `image_too_small`, `storage_unavailable`
 */
export async function keepPicture(
  { db, store }: { db: Db; store: SealedStore },
  tenantId: TenantId,
  picture: ReceivedPicture,
  idempotent?: IdempotentRequest,
): Promise<UploadRow | null> {
  const contentType = await inspectPicture(picture.bytes);
  const upload = { id: newId('upload'), tenant_id: tenantId };
  const dataKey = store.vault.newKey();
  await store.put(objectKeyOf(upload), picture.bytes, { contentType, dataKey });
  const { filename, bytes, sha256, metadata = {} } = picture;
  const row = await insertUpload(
    db,
    { ...upload, data_key: dataKey, status: 'ready', filename, content_type: contentType, size: bytes.length, sha256, metadata },
    idempotent,
  );
  if (!row) await store.remove([objectKeyOf(upload)]);
  return row;
}
