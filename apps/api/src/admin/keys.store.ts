/** API keys, one statement each. Every change says so on the channel `keys`, which every API process hears. */
import { SCOPES, type ApiKey, type CreateKey, type KeyId, type NewApiKey, type TenantId } from '@likeness/contracts';
import { empty, many, one, sql, type Db } from '@likeness/platform/db';
import { newApiKey, newApiKeySecret } from '@likeness/platform/keys';
import { z } from 'zod';

const KeyRow = z.object({
  id: z.custom<KeyId>(),
  tenant_id: z.custom<TenantId>(),
  name: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  created_at: z.date(),
  expires_at: z.date().nullable(),
  previous_until: z.date().nullable(),
});
export type KeyRow = z.infer<typeof KeyRow>;

const COLUMNS = sql`id, tenant_id, name, scopes, created_at, expires_at, CASE WHEN previous_until > now() THEN previous_until END AS previous_until`;

/** Null when there is no such tenant, or it is being deleted. */
export async function createKey(db: Db, tenantId: TenantId, { name, scopes, expires_at }: CreateKey): Promise<NewApiKey | null> {
  const { id, key, secretHash } = newApiKey();
  const row = await one(
    db,
    KeyRow,
    sql`
    INSERT INTO api_key (id, tenant_id, name, secret_hash, scopes, expires_at)
    SELECT ${id}, id, ${name}, ${secretHash}::bytea, ${[...scopes]}::text[], ${expires_at ?? null}::timestamptz FROM tenant
     WHERE id = ${tenantId} AND deleted_at IS NULL
    RETURNING ${COLUMNS}`,
  );
  return row && { ...presentKey(row), key };
}

/** Newest first; revoked ones are gone. */
export const listKeys = (db: Db, tenantId: TenantId, before: KeyId | undefined, limit: number): Promise<KeyRow[]> =>
  many(
    db,
    KeyRow,
    sql`SELECT ${COLUMNS} FROM api_key WHERE tenant_id = ${tenantId} AND revoked_at IS NULL
               ${before === undefined ? empty : sql`AND id < ${before}`} ORDER BY id DESC LIMIT ${limit}`,
  );

/** A new secret for the key; the present one works for a while longer, the one before it no more. Null when there is no such key. */
export async function rotateKey(db: Db, id: KeyId, overlapSeconds: number): Promise<NewApiKey | null> {
  const { key, secretHash } = newApiKeySecret(id);
  const row = await one(
    db,
    KeyRow,
    sql`
    WITH rotated AS (
      UPDATE api_key SET previous_hash = secret_hash, previous_until = now() + ${overlapSeconds}::int * interval '1 second', secret_hash = ${secretHash}::bytea
       WHERE id = ${id} AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
      RETURNING *
    )
    SELECT ${COLUMNS}, pg_notify('keys', id) FROM rotated`,
  );
  return row && { ...presentKey(row), key };
}

/** Its secrets work no more. False when there is no such key. */
export async function revokeKey(db: Db, id: KeyId): Promise<boolean> {
  const revoked = await one(
    db,
    z.object({ id: z.string() }),
    sql`
    WITH revoked AS (UPDATE api_key SET revoked_at = now() WHERE id = ${id} AND revoked_at IS NULL RETURNING id)
    SELECT id, pg_notify('keys', id) FROM revoked`,
  );
  return revoked !== null;
}

export function presentKey({ created_at, expires_at, previous_until, ...key }: KeyRow): ApiKey {
  return {
    object: 'api_key',
    ...key,
    created_at: created_at.toISOString(),
    expires_at: expires_at?.toISOString() ?? null,
    previous_secret_until: previous_until?.toISOString() ?? null,
  };
}
