/** The bytes of the reference picture, and the artifact `reference` that the next stage reads them from. */
import { isId, LikenessError, newId } from '@likeness/contracts';
import { fetchPicture, readObject } from '@likeness/generation';
import { one, sql, type Sql } from '@likeness/platform/db';
import type { HandlerContext } from '@likeness/worker';
import { z } from 'zod';

/**
 * ConsistentID looks at the first picture only. An object that is there already (an upload's, a subject's) is pointed at as it is; what a
 * URL gives is kept as an object of this stage.
 * @throws LikenessError `subject_erased`, `upload_invalid`, `input_fetch_failed`, `input_url_blocked`, `image_unreadable`, `storage_unavailable`
 */
export async function readReference(context: HandlerContext): Promise<Uint8Array> {
  const { stage, egress, keep } = context;
  const [reference = ''] = stage.input.reference_images;
  if (stage.subject_id !== null) return readSubject(context, stage.subject_id);
  if (isId('upload', reference)) return readUpload(context, reference);
  const bytes = await fetchPicture(egress, reference);
  await keep('reference', { bytes, contentType: 'application/octet-stream' });
  return bytes;
}

async function readUpload(context: HandlerContext, id: string): Promise<Uint8Array> {
  const bytes = await readKept(
    context,
    sql`SELECT object_key, u.id AS data_key_id, wrapped AS data_key, content_type, size, sha256 FROM upload u LEFT JOIN data_key USING (id)
         WHERE u.id = ${id} AND u.tenant_id = ${context.stage.tenant_id} AND status = 'ready'`,
  );
  if (!bytes) throw new LikenessError('upload_invalid', `The upload ${id} is not there any more.`);
  return bytes;
}

async function readSubject(context: HandlerContext, id: string): Promise<Uint8Array> {
  const bytes = await readKept(
    context,
    sql`SELECT r.*, s.id AS data_key_id, wrapped AS data_key FROM subject s LEFT JOIN data_key USING (id),
               jsonb_to_record(s.reference_images->0) AS r (object_key text, content_type text, size int, sha256 text)
         WHERE s.id = ${id} AND s.tenant_id = ${context.stage.tenant_id} AND erased_at IS NULL`,
  );
  if (!bytes) throw new LikenessError('subject_erased', `The subject ${id} was erased.`);
  return bytes;
}

const Kept = z.object({
  object_key: z.string(),
  data_key_id: z.string(),
  data_key: z.instanceof(Uint8Array).nullable(),
  content_type: z.string(),
  size: z.number(),
  sha256: z.string(),
});

async function readKept({ db, store, point }: HandlerContext, row: Sql): Promise<Uint8Array | null> {
  const found = await one(db, Kept, row);
  if (!found) return null;
  const { data_key, ...kept } = found;
  const bytes = await readObject(store, kept.object_key, data_key);
  point({ id: newId('artifact'), name: 'reference', index: 0, ...kept, detail: {} });
  return bytes;
}
