/** The bytes of the reference picture, and the artifact `reference` that the next stage reads them from. */
import { isId, LikenessError, newId, PICTURE_MAX_BYTES, preview } from '@likeness/contracts';
import { readObject } from '@likeness/generation';
import { one, sql } from '@likeness/platform/db';
import { EgressError } from '@likeness/platform/egress';
import type { HandlerContext } from '@likeness/worker';
import { z } from 'zod';

const FETCH_TIMEOUT_MS = 15_000;

/**
 * ConsistentID looks at the first picture only. An upload's object is pointed at as it is; what a URL gives is kept as an object of this stage.
 * @throws LikenessError `upload_invalid`, `input_fetch_failed`, `input_url_blocked`, `image_unreadable`, `storage_unavailable`
 */
export async function readReference(context: HandlerContext): Promise<Uint8Array> {
  const [reference = ''] = context.stage.input.reference_images;
  return isId('upload', reference) ? readUpload(context, reference) : fetchReference(context, reference);
}

const Upload = z.object({
  object_key: z.string(),
  data_key: z.instanceof(Uint8Array).nullable(),
  content_type: z.string(),
  size: z.number(),
  sha256: z.string(),
});

async function readUpload({ db, store, stage, point }: HandlerContext, id: string): Promise<Uint8Array> {
  const found = await one(
    db,
    Upload,
    sql`SELECT object_key, wrapped AS data_key, content_type, size, sha256 FROM upload LEFT JOIN data_key USING (id)
         WHERE id = ${id} AND upload.tenant_id = ${stage.tenant_id} AND status = 'ready'`,
  );
  if (!found) throw new LikenessError('upload_invalid', `The upload ${id} is not there any more.`);
  const { data_key, ...upload } = found;
  const bytes = await readObject(store, upload.object_key, data_key);
  point({ id: newId('artifact'), name: 'reference', index: 0, ...upload, data_key_id: id, detail: {} });
  return bytes;
}

async function fetchReference({ egress, keep }: HandlerContext, url: string): Promise<Uint8Array> {
  const response = await egress
    .fetch(url, { timeoutMs: FETCH_TIMEOUT_MS, maxBytes: PICTURE_MAX_BYTES, blockedCode: 'input_url_blocked' })
    .catch((error: unknown) => {
      if (!(error instanceof EgressError)) throw error;
      throw new LikenessError('input_fetch_failed', error.message, { cause: error });
    });
  const { origin, pathname } = new URL(url); // its query may be a secret
  const picture = preview(origin + pathname);
  if (response.status !== 200) throw new LikenessError('input_fetch_failed', `${picture} answered ${response.status}, not 200.`);
  if (response.truncated) throw new LikenessError('image_unreadable', `${picture} has more than ${PICTURE_MAX_BYTES} bytes.`);
  await keep('reference', { bytes: response.body, contentType: 'application/octet-stream' });
  return response.body;
}
