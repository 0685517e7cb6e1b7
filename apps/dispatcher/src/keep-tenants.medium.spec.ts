import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId, type TenantId } from '@likeness/contracts';
import { exec, many, one, openDb, sql, testDatabase, type Db } from '@likeness/platform/db';
import { openObjectStore, type ObjectStore } from '@likeness/platform/storage';
import { createLogger } from '@likeness/platform/telemetry';
import { z } from 'zod';
import { foldUsage, keepTenants } from './keep-tenants.ts';

let db: Db;
let store: ObjectStore;
let stop: () => Promise<unknown>;
const log = createLogger('test', 'silent');

beforeAll(async () => {
  const database = await testDatabase();
  const dir = await mkdtemp(join(tmpdir(), 'likeness-tenants-'));
  db = openDb(database.url, { max: 4 });
  store = openObjectStore(`file://${dir}`);
  stop = async () => {
    await db.close();
    await database.drop();
    await rm(dir, { recursive: true, force: true });
  };
});
afterAll(() => stop());

async function newTenant(): Promise<TenantId> {
  const id = newId('tenant');
  await exec(db, sql`INSERT INTO tenant (id, name, webhook_secret) VALUES (${id}, ${id}, 'whsec_dGVzdA==')`);
  return id;
}
const entry = (tenant: string, status: string, day = '2026-11-24', images = 2) =>
  exec(
    db,
    sql`INSERT INTO usage_entry (tenant_id, day, status, images, gpu_seconds, cache_hits) VALUES (${tenant}, ${day}::date, ${status}, ${images}, 0.5, 1)`,
  );
const generation = async (tenant: string, status: 'queued' | 'succeeded') => {
  const [id, stage] = [newId('generation'), newId('stage')];
  await exec(
    db,
    sql`
    WITH made AS (
      INSERT INTO generation (id, tenant_id, status, input, pack, completed_at)
      VALUES (${id}, ${tenant}, ${status}, '{"reference_images": []}', '{}', ${status === 'queued' ? null : new Date()}) RETURNING id
    )
    INSERT INTO stage (id, generation_id, tenant_id, name, queue, status) SELECT ${stage}, id, ${tenant}, 'parse', 'parsing', ${status} FROM made`,
  );
  await exec(db, sql`INSERT INTO outbox (job, queue, ref_id, n, tenant_id) VALUES ('parse-face', 'parsing', ${stage}, 1, ${tenant})`);
  return { id, stage };
};

const Tables = z.object({ table_name: z.string() });
/** Every table that has rows of the tenant, whatever tables there are. */
async function tablesWith(tenant: TenantId): Promise<string[]> {
  const tables = await many(
    db,
    Tables,
    sql`SELECT table_name FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
         WHERE table_schema = 'public' AND column_name = 'tenant_id' AND table_type = 'BASE TABLE'`,
  );
  expect(tables.length).toBeGreaterThan(10);
  const found: string[] = [];
  for (const { table_name } of tables) {
    const { rowCount } = await db.pool.query(`SELECT FROM "${table_name}" WHERE tenant_id = $1 LIMIT 1`, [tenant]);
    if (rowCount) found.push(table_name);
  }
  return found;
}

describe('folding', () => {
  it('moves entries into days, adds to what is there, and loses none to others that append meanwhile', async () => {
    const tenant = await newTenant();
    await Promise.all([
      entry(tenant, 'succeeded'),
      entry(tenant, 'succeeded'),
      entry(tenant, 'failed', '2026-11-24', 0),
      entry(tenant, 'expired', '2026-11-25', 0),
    ]);
    const sum = async () =>
      (await one(
        db,
        z.object({ succeeded: z.number(), images: z.number() }),
        sql`SELECT coalesce(sum(succeeded), 0)::int AS succeeded, coalesce(sum(images), 0)::int AS images FROM usage WHERE tenant_id = ${tenant}`,
      )) ?? undefined;
    expect(await sum()).toEqual({ succeeded: 2, images: 4 });
    await Promise.all([
      foldUsage(db),
      foldUsage(db),
      ...Array.from({ length: 20 }, () => entry(tenant, 'canceled', '2026-11-24', 0)),
      foldUsage(db),
    ]);
    await foldUsage(db);
    expect(await sum()).toEqual({ succeeded: 2, images: 4 });
    const days = await many(
      db,
      z.looseObject({
        succeeded: z.number(),
        failed: z.number(),
        canceled: z.number(),
        expired: z.number(),
        images: z.number(),
        gpu_seconds: z.number(),
      }),
      sql`SELECT succeeded, failed, canceled, expired, images, gpu_seconds FROM usage_day WHERE tenant_id = ${tenant} ORDER BY day`,
    );
    expect(days).toEqual([
      { succeeded: 2, failed: 1, canceled: 20, expired: 0, images: 4, gpu_seconds: 11.5 },
      { succeeded: 0, failed: 0, canceled: 0, expired: 1, images: 0, gpu_seconds: 0.5 },
    ]);
    expect(await tablesWith(tenant)).not.toContain('usage_entry');
  });

  it('drops what is of no tenant any more', async () => {
    const gone = newId('tenant');
    await entry(gone, 'succeeded');
    await foldUsage(db);
    expect(await tablesWith(gone)).toEqual([]);
  });
});

describe('a deleted tenant', () => {
  it('is removed with its objects and every row, once what ran has ended; others keep theirs', async () => {
    const [tenant, other] = [await newTenant(), await newTenant()];
    for (const id of [tenant, other]) {
      await generation(id, 'queued');
      await generation(id, 'succeeded');
      await entry(id, 'succeeded');
      await exec(db, sql`INSERT INTO usage_day VALUES (${id}, '2026-11-01', 1, 0, 0, 0, 1, 1, 0)`);
      await exec(db, sql`INSERT INTO rate_window VALUES (${id}, now(), 1)`);
      for (const name of ['uploads/u', 'gen_1/parse/1/face-0', 'gen_2/sample/1/images-0'])
        await store.put(`t/${id}/${name}`, new Uint8Array([1]), { contentType: 'image/png' });
    }
    const held = await generation(tenant, 'queued');
    await exec(db, sql`UPDATE generation SET status = 'processing' WHERE id = ${held.id}`);
    await exec(
      db,
      sql`UPDATE stage SET status = 'processing', attempt = 1, lease_until = now() + interval '8 seconds' WHERE id = ${held.stage}`,
    );
    await exec(db, sql`UPDATE tenant SET deleted_at = now() WHERE id = ${tenant}`);

    expect(await keepTenants({ db, store, log })).toBeLessThan(1_000); // a worker still holds a stage
    expect(await keysOf(tenant)).toHaveLength(3);
    await exec(db, sql`UPDATE stage SET lease_until = now() - interval '1 second' WHERE id = ${held.stage}`);
    await exec(db, sql`UPDATE generation SET status = 'canceled', completed_at = now() WHERE id = ${held.id}`);

    await keepTenants({ db, store, log });
    expect(await tablesWith(tenant)).toEqual([]);
    expect(await one(db, z.object({ id: z.string() }), sql`SELECT id FROM tenant WHERE id = ${tenant}`)).toBeNull();
    expect(await keysOf(tenant)).toEqual([]);
    expect(await keysOf(other)).toHaveLength(3);
    expect(await tablesWith(other)).toEqual(expect.arrayContaining(['generation', 'stage', 'outbox', 'usage_day']));
  });

  it('is looked for once more after an hour: what a zombie wrote goes, too', async () => {
    const tenant = await newTenant();
    await exec(db, sql`UPDATE tenant SET deleted_at = now() WHERE id = ${tenant}`);
    await keepTenants({ db, store, log });
    await store.put(`t/${tenant}/gen_1/sample/1/images-0`, new Uint8Array([1]), { contentType: 'image/png' });
    await keepTenants({ db, store, log });
    expect(await keysOf(tenant)).toHaveLength(1);
    await exec(db, sql`UPDATE removed_tenant SET removed_at = now() - interval '61 minutes' WHERE id = ${tenant}`);
    await keepTenants({ db, store, log });
    expect(await keysOf(tenant)).toEqual([]);
    expect(await one(db, z.object({ id: z.string() }), sql`SELECT id FROM removed_tenant WHERE id = ${tenant}`)).toBeNull();
  });
});

async function keysOf(tenant: TenantId): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(`t/${tenant}/`)) keys.push(key);
  return keys;
}
