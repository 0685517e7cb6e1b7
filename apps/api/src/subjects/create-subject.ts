/** A subject's references are copies of its own, under a data key of its own: whatever they came from may go. */
import { isId, LikenessError, newId, type TenantId } from '@likeness/contracts';
import { fetchPicture, readObject, subjectPrefix } from '@likeness/generation';
import { sha256, type IdempotentRequest } from '../http/idempotency.ts';
import type { Parts } from '../parts.ts';
import { inspectPicture } from '../uploads/inspect-picture.ts';
import type { SubjectRequest } from './read-subject-request.ts';
import { findUsableUpload, insertSubject, type KeptReference, type SubjectRow } from './subjects.store.ts';

/**
 * The objects are there before the row that points at them. Null when another request has used the idempotency key meanwhile.
 * @throws LikenessError `upload_invalid`, `input_url_blocked`, `input_fetch_failed`, `image_unreadable`, `image_too_small`, `storage_unavailable`
 */
export async function createSubject(
  parts: Parts,
  tenant_id: TenantId,
  { body, references }: SubjectRequest,
  idempotent: IdempotentRequest | undefined,
): Promise<SubjectRow | null> {
  const { db, store } = parts;
  const pictures = await Promise.all(references.map((reference) => bytesOf(parts, tenant_id, reference)));
  const types = await Promise.all(pictures.map(inspectPicture));
  const [id, data_key] = [newId('subject'), store.vault.newKey()];
  const kept = pictures.map((bytes, i): KeptReference => {
    const object_key = `${subjectPrefix(tenant_id, id)}references/${i}`;
    return { object_key, content_type: types[i] ?? '', size: bytes.length, sha256: sha256(bytes) };
  });
  const discard = () => store.remove(kept.map(({ object_key }) => object_key));
  try {
    for (const [i, { object_key, content_type }] of kept.entries()) {
      await store.put(object_key, pictures[i] ?? new Uint8Array(), { contentType: content_type, dataKey: data_key });
    }
  } catch (error) {
    await discard().catch(() => undefined); // the sweep of orphans finds them; without a row nobody has their key
    throw error;
  }
  const uploads = references.filter((reference): reference is string => typeof reference === 'string' && isId('upload', reference));
  const { external_id, consent, retention } = body;
  const row = await insertSubject(
    db,
    { id, tenant_id, data_key, external_id, consent, retention, reference_images: kept, uploads },
    idempotent,
  );
  if (!row) await discard();
  return row;
}

async function bytesOf(
  { db, store, egress }: Parts,
  tenantId: TenantId,
  reference: SubjectRequest['references'][number],
): Promise<Uint8Array> {
  if (typeof reference !== 'string') return reference.bytes;
  if (!isId('upload', reference)) return fetchPicture(egress, reference);
  const upload = await findUsableUpload(db, tenantId, reference);
  if (!upload) throw new LikenessError('upload_invalid', `The upload ${reference} is missing, not ready, or expired.`);
  return readObject(store, upload.object_key, upload.data_key);
}
