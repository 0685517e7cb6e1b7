import type { Upload } from '@likeness/contracts';
import type { Signer } from '@likeness/platform/links';
import type { UploadRow } from './uploads.store.ts';

/** How long the link of a declared upload may be used. */
const LINK_SECONDS = 15 * 60;

export const contentPathOf = (id: string): string => `/v1/uploads/${id}/content`;

/** A pending upload comes with the link to put its bytes to. */
export function presentUpload(row: UploadRow, signer: Signer): Upload {
  const link = row.status === 'pending' ? signer.sign('PUT', contentPathOf(row.id), LINK_SECONDS) : undefined;
  return {
    id: row.id,
    object: 'upload',
    status: row.status,
    filename: row.filename,
    content_type: row.content_type,
    size: row.size,
    sha256: row.sha256,
    ...(link
      ? {
          upload: { method: 'PUT', url: link.url, headers: { 'content-type': row.content_type }, expires_at: link.expiresAt.toISOString() },
        }
      : {}),
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at.toISOString(),
  };
}
