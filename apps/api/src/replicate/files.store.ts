/** The uploads of a tenant that can still be used, as its files. */
import type { TenantId, UploadId } from '@likeness/contracts';
import { empty, exec, many, one, sql, type Db, type Sql } from '@likeness/platform/db';
import { UploadRow } from '../uploads/uploads.store.ts';

const usable = (tenantId: TenantId): Sql => sql`tenant_id = ${tenantId} AND status = 'ready' AND expires_at > now()`;

/** Null for another tenant's as for none at all. */
export const findFile = (db: Db, tenantId: TenantId, id: string): Promise<UploadRow | null> =>
  one(db, UploadRow, sql`SELECT * FROM upload WHERE id = ${id} AND ${usable(tenantId)}`);

/** Newest first, older than `before`. */
export const listFiles = (db: Db, tenantId: TenantId, before: UploadId | undefined, limit: number): Promise<UploadRow[]> =>
  many(
    db,
    UploadRow,
    sql`SELECT * FROM upload WHERE ${usable(tenantId)} ${before === undefined ? empty : sql`AND id < ${before}`} ORDER BY id DESC LIMIT ${limit}`,
  );

/**
 * From now on it cannot be used. The sweep, which is due within a minute, removes bytes and row as soon as no generation needs them
 * any more (`sweep-retention.ts`). False when there is no such file.
 */
export const expireFile = async (db: Db, tenantId: TenantId, id: string): Promise<boolean> =>
  (await exec(db, sql`UPDATE upload SET expires_at = now() - interval '1 minute' WHERE id = ${id} AND ${usable(tenantId)}`)) === 1;
