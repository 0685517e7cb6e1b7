/** Tenants, one statement each. Whatever changes what a key may do says so on the channel `keys`, which every API process hears. */
import { newId, type CreateTenant, type Tenant, type TenantId, type UpdateTenant } from '@likeness/contracts';
import { empty, many, one, sql, type Db } from '@likeness/platform/db';
import { newWebhookSecret } from '@likeness/platform/webhooks';
import { z } from 'zod';
import { refused } from '../http/contract.ts';

const TenantRow = z.object({
  id: z.custom<TenantId>(),
  name: z.string(),
  rate_limit_per_minute: z.number(),
  max_active: z.number(),
  monthly_images: z.number().nullable(),
  retention: z.string(),
  created_at: z.date(),
  deleted_at: z.date().nullable(),
});
export type TenantRow = z.infer<typeof TenantRow>;

const COLUMNS = sql`id, name, rate_limit_per_minute, max_active, monthly_images, retention, created_at, deleted_at`;

/** @throws LikenessError `validation_failed` when the name is taken */
export async function createTenant(db: Db, wanted: CreateTenant): Promise<TenantRow> {
  const { name, rate_limit_per_minute = 600, max_active = 1_000, monthly_images = null, retention = 'P30D' } = wanted;
  const tenant = await one(
    db,
    TenantRow,
    sql`
    INSERT INTO tenant (id, name, rate_limit_per_minute, max_active, monthly_images, retention, webhook_secret)
    VALUES (${newId('tenant')}, ${name}, ${rate_limit_per_minute}, ${max_active}, ${monthly_images}, ${retention}, ${newWebhookSecret()})
    ON CONFLICT (name) DO NOTHING RETURNING ${COLUMNS}`,
  );
  if (!tenant) throw nameTaken(name);
  return tenant;
}

export const findTenant = (db: Db, id: TenantId): Promise<TenantRow | null> =>
  one(db, TenantRow, sql`SELECT ${COLUMNS} FROM tenant WHERE id = ${id}`);

/** Newest first. */
export const listTenants = (db: Db, before: TenantId | undefined, limit: number): Promise<TenantRow[]> =>
  many(
    db,
    TenantRow,
    sql`SELECT ${COLUMNS} FROM tenant ${before === undefined ? empty : sql`WHERE id < ${before}`} ORDER BY id DESC LIMIT ${limit}`,
  );

/** Null when there is none that could be changed. @throws LikenessError `validation_failed` when the name is taken */
export async function updateTenant(db: Db, id: TenantId, change: UpdateTenant): Promise<TenantRow | null> {
  const { name = null, rate_limit_per_minute = null, max_active = null, monthly_images, retention = null } = change;
  try {
    return await one(
      db,
      TenantRow,
      sql`
      WITH changed AS (
        UPDATE tenant SET name = coalesce(${name}, name), rate_limit_per_minute = coalesce(${rate_limit_per_minute}::int, rate_limit_per_minute),
               max_active = coalesce(${max_active}::int, max_active), retention = coalesce(${retention}, retention),
               monthly_images = CASE WHEN ${monthly_images !== undefined}::bool THEN ${monthly_images ?? null}::int ELSE monthly_images END
         WHERE id = ${id} AND deleted_at IS NULL
        RETURNING ${COLUMNS}
      )
      SELECT changed.*, pg_notify('keys', id) FROM changed`,
    );
  } catch (error) {
    if (name !== null && error instanceof Error && 'code' in error && error.code === UNIQUE_VIOLATION) throw nameTaken(name);
    throw error;
  }
}

/**
 * From here on nothing new is taken: keys are revoked, creations are refused. The dispatcher cancels what runs and removes what
 * there is. The name is free at once. A tenant that is being deleted already is given back as it is; null when there is none.
 */
export const deleteTenant = (db: Db, id: TenantId): Promise<TenantRow | null> =>
  one(
    db,
    TenantRow,
    sql`
    WITH deleted AS (
      UPDATE tenant SET deleted_at = coalesce(deleted_at, now()), name = CASE WHEN deleted_at IS NULL THEN name || ' ' || id ELSE name END
       WHERE id = ${id}
      RETURNING ${COLUMNS}
    ), revoked AS (
      UPDATE api_key SET revoked_at = now() FROM deleted WHERE tenant_id = deleted.id AND revoked_at IS NULL
    )
    SELECT deleted.*, pg_notify('keys', id), pg_notify('tenant', id) FROM deleted`,
  );

const UNIQUE_VIOLATION = '23505';
const nameTaken = (name: string) =>
  refused([{ pointer: '/name', detail: `must be a name that no other tenant has; got ${JSON.stringify(name)}` }]);

export function presentTenant({ deleted_at, created_at, ...tenant }: TenantRow): Tenant {
  return { object: 'tenant', ...tenant, status: deleted_at ? 'deleting' : 'active', created_at: created_at.toISOString() };
}
