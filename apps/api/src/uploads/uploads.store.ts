/** The rows of uploads, one statement each. */
import type { TenantId, UploadId } from '@likeness/contracts';
import { exec, json, one, sql, type Db } from '@likeness/platform/db';
import type { WrappedKey } from '@likeness/platform/storage';
import { z } from 'zod';
import { claimKey, keyIsOurs, type IdempotentRequest } from '../http/idempotency.ts';

export const UploadRow = z.object({
  id: z.custom<UploadId>(),
  tenant_id: z.custom<TenantId>(),
  status: z.enum(['pending', 'ready', 'rejected']),
  filename: z.string(),
  content_type: z.string(),
  size: z.number(),
  sha256: z.string(),
  object_key: z.string(),
  metadata: z.record(z.string(), z.unknown()),
  created_at: z.date(),
  expires_at: z.date(),
});
export type UploadRow = z.infer<typeof UploadRow>;

export type NewUpload = Pick<UploadRow, 'id' | 'tenant_id' | 'status' | 'filename' | 'content_type' | 'size' | 'sha256'> &
  Partial<Pick<UploadRow, 'metadata'>> & {
    readonly data_key: WrappedKey;
  };

/** Where an upload's bytes lie. */
export const objectKeyOf = ({ id, tenant_id }: Pick<UploadRow, 'id' | 'tenant_id'>): string => `t/${tenant_id}/uploads/${id}`;

/** Null when another request has used the idempotency key meanwhile. */
export const insertUpload = (db: Db, upload: NewUpload, idempotent?: IdempotentRequest): Promise<UploadRow | null> =>
  one(
    db,
    UploadRow,
    sql`
      WITH claimed AS (${claimKey(upload.tenant_id, idempotent, { id: upload.id, status: 201 })}), made AS (
        INSERT INTO upload (id, tenant_id, status, filename, content_type, size, sha256, object_key, metadata, expires_at)
        SELECT ${upload.id}, ${upload.tenant_id}, ${upload.status}, ${upload.filename}, ${upload.content_type}, ${upload.size}::int, ${upload.sha256},
               ${objectKeyOf(upload)}, ${json(upload.metadata ?? {})}::jsonb, now() + interval '24 hours'
         WHERE ${keyIsOurs(idempotent)}
        RETURNING *
      ), keyed AS (
        INSERT INTO data_key (id, tenant_id, wrapped) SELECT id, tenant_id, ${upload.data_key} FROM made
      )
      SELECT * FROM made`,
  );

export const findUpload = (db: Db, id: string): Promise<UploadRow | null> => one(db, UploadRow, sql`SELECT * FROM upload WHERE id = ${id}`);

const UploadWithKey = UploadRow.extend({ data_key: z.instanceof(Uint8Array) });

/** With the key that its object is encrypted under. */
export const findUploadWithKey = (db: Db, id: string): Promise<z.infer<typeof UploadWithKey> | null> =>
  one(db, UploadWithKey, sql`SELECT u.*, k.wrapped AS data_key FROM upload u JOIN data_key k USING (id) WHERE u.id = ${id}`);

/** Decides a pending upload; what was decided stays. */
export const decideUpload = (db: Db, id: UploadId, status: 'ready' | 'rejected'): Promise<number> =>
  exec(db, sql`UPDATE upload SET status = ${status} WHERE id = ${id} AND status = 'pending'`);
