/** What tenants leave to be done: their usage is folded, and those that were deleted are removed. One dispatcher at a time. */
import type { GenerationId, TenantId } from '@likeness/contracts';
import { requestCancel } from '@likeness/generation';
import { exec, many, one, sql, tryAdvisoryLock, type Db, type Sql } from '@likeness/platform/db';
import { z } from 'zod';
import type { Parts } from './parts.ts';

const PAUSE_MS = 10_000;
/** How often a tenant is looked at whose generations are just being stopped. */
const STOPPING_MS = 500;
const BATCH = 500;
const FOLD_BATCH = 20_000;

/** Returns after how many milliseconds there may be more to do. */
export async function keepTenants(parts: Pick<Parts, 'db' | 'store' | 'log'>): Promise<number> {
  const { db, log } = parts;
  const wait = await tryAdvisoryLock(db, 'likeness.tenants', async () => {
    const folded = await foldUsage(db);
    await exec(db, sql`DELETE FROM rate_window WHERE ends_at < now() - interval '1 hour'`);
    let stopping = 0;
    for (const { id } of await deletedTenants(db)) {
      if (await removeTenant(parts, id)) log.info({ tenant: id }, 'removed a tenant');
      else stopping++;
    }
    await forgetTenants(parts);
    return folded === FOLD_BATCH ? 0 : stopping > 0 ? STOPPING_MS : PAUSE_MS;
  });
  return wait ?? PAUSE_MS;
}

/** Moves entries into their days, in one statement, so that a sum over both is right at any moment. */
export const foldUsage = (db: Db): Promise<number> =>
  exec(
    db,
    sql`
    WITH taken AS (
      DELETE FROM usage_entry WHERE id IN (SELECT id FROM usage_entry ORDER BY id LIMIT ${FOLD_BATCH} FOR UPDATE SKIP LOCKED) RETURNING *
    ), folded AS (
      INSERT INTO usage_day AS d (tenant_id, day, succeeded, failed, canceled, expired, images, gpu_seconds, cache_hits)
      SELECT tenant_id, day, count(*) FILTER (WHERE status = 'succeeded'), count(*) FILTER (WHERE status = 'failed'), count(*) FILTER (WHERE status = 'canceled'),
             count(*) FILTER (WHERE status = 'expired'), sum(images), sum(gpu_seconds), sum(cache_hits)
        FROM taken WHERE EXISTS (SELECT FROM tenant WHERE id = tenant_id) GROUP BY tenant_id, day
      ON CONFLICT (tenant_id, day) DO UPDATE
         SET succeeded = d.succeeded + excluded.succeeded, failed = d.failed + excluded.failed, canceled = d.canceled + excluded.canceled,
             expired = d.expired + excluded.expired, images = d.images + excluded.images, gpu_seconds = d.gpu_seconds + excluded.gpu_seconds,
             cache_hits = d.cache_hits + excluded.cache_hits
    )
    SELECT id FROM taken`,
  );

const Tenant = z.object({ id: z.custom<TenantId>() });
const deletedTenants = (db: Db) => many(db, Tenant, sql`SELECT id FROM tenant WHERE deleted_at IS NOT NULL ORDER BY deleted_at`);

/**
 * Cancels what runs; once nothing does, objects go, then the rows that point at them, the tenant's own last: everything that is
 * another's to keep falls with it. False as long as something still runs.
 */
async function removeTenant({ db, store }: Pick<Parts, 'db' | 'store'>, tenantId: TenantId): Promise<boolean> {
  const running = await many(db, Generation, sql`${ACTIVE(tenantId)} AND cancel_requested_at IS NULL LIMIT ${BATCH}`);
  for (const { id } of running) await requestCancel(db, tenantId, id);
  if (await one(db, Generation, sql`${ACTIVE(tenantId)} LIMIT 1`)) return false;
  await removeObjects(store, tenantId);
  for (const rows of ['generation', 'upload', 'webhook_delivery', 'outbox', 'usage_entry', 'rate_window'] as const)
    await removeRows(db, rows, tenantId);
  await exec(
    db,
    sql`WITH gone AS (DELETE FROM tenant WHERE id = ${tenantId} RETURNING id) INSERT INTO removed_tenant (id) SELECT id FROM gone ON CONFLICT DO NOTHING`,
  );
  return true;
}

const Generation = z.object({ id: z.custom<GenerationId>() });
const ACTIVE = (tenantId: TenantId): Sql =>
  sql`SELECT id FROM generation WHERE tenant_id = ${tenantId} AND status IN ('queued', 'processing')`;

/** Those of which there may be many, some at a time, so that no statement takes long. */
const REMOVALS = {
  generation: (tenantId: TenantId) =>
    sql`DELETE FROM generation WHERE id IN (SELECT id FROM generation WHERE tenant_id = ${tenantId} LIMIT ${BATCH})`,
  upload: (tenantId: TenantId) => sql`DELETE FROM upload WHERE id IN (SELECT id FROM upload WHERE tenant_id = ${tenantId} LIMIT ${BATCH})`,
  webhook_delivery: (tenantId: TenantId) =>
    sql`DELETE FROM webhook_delivery WHERE id IN (SELECT id FROM webhook_delivery WHERE tenant_id = ${tenantId} LIMIT ${BATCH})`,
  outbox: (tenantId: TenantId) =>
    sql`DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE tenant_id = ${tenantId} LIMIT ${BATCH} FOR UPDATE SKIP LOCKED)`,
  rate_window: (tenantId: TenantId) => sql`DELETE FROM rate_window WHERE tenant_id = ${tenantId}`,
  usage_entry: (tenantId: TenantId) =>
    sql`DELETE FROM usage_entry WHERE id IN (SELECT id FROM usage_entry WHERE tenant_id = ${tenantId} LIMIT ${BATCH})`,
};

async function removeRows(db: Db, table: keyof typeof REMOVALS, tenantId: TenantId): Promise<void> {
  for (let removed = BATCH; removed === BATCH;) removed = await exec(db, REMOVALS[table](tenantId));
}

/** A last look at what was still being written when a tenant was removed; by then every request and every lease is over. */
async function forgetTenants({ db, store }: Pick<Parts, 'db' | 'store'>): Promise<void> {
  const forgotten = await many(db, Tenant, sql`SELECT id FROM removed_tenant WHERE removed_at < now() - interval '1 hour'`);
  for (const { id } of forgotten) {
    await removeObjects(store, id);
    await exec(db, sql`DELETE FROM removed_tenant WHERE id = ${id}`);
  }
}

async function removeObjects(store: Parts['store'], tenantId: TenantId): Promise<void> {
  const keys: string[] = [];
  for await (const { key } of store.list(`t/${tenantId}/`)) {
    keys.push(key);
    if (keys.length === BATCH) await store.remove(keys.splice(0));
  }
  await store.remove(keys);
}
