import { newId } from '@likeness/contracts';
import { exec, many, one, openDb, sql, testDatabase, type Db, type TestDatabase } from '@likeness/platform/db';
import { newApiKey, parseApiKey } from '@likeness/platform/keys';
import { createVault } from '@likeness/platform/storage';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { seedDefaultTenant } from './default-tenant.ts';
import { rewrapDataKeys } from './rewrap-data-keys.ts';

let database: TestDatabase;
let db: Db;
beforeAll(async () => {
  database = await testDatabase();
  db = openDb(database.url, { max: 2 });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

it('makes the default tenant once, and adds keys to the one that is there', async () => {
  const [shop, operator, metrics, later] = Array.from({ length: 4 }, () => newApiKey().key) as [string, string, string, string];
  const secret = 'whsec_dGhlIGZpcnN0IG9uZSwgYXMgbG9uZw==';
  expect(await seedDefaultTenant(db, { apiKey: shop, adminKey: operator, metricsKey: metrics, webhookSecret: secret })).toBe(secret);
  const limits = { rateLimit: 90, maxActive: 10, quota: 500 };
  expect(await seedDefaultTenant(db, { apiKey: later, webhookSecret: 'whsec_YW5vdGhlciBvbmUsIGFzIGxvbmc=', limits })).toBe(secret);
  expect(await seedDefaultTenant(db, {})).toBe(secret);

  const Tenant = z.object({ rate_limit_per_minute: z.number(), max_active: z.number(), monthly_images: z.number() });
  expect(await many(db, Tenant, sql`SELECT rate_limit_per_minute, max_active, monthly_images FROM tenant`)).toEqual([
    { rate_limit_per_minute: 90, max_active: 10, monthly_images: 500 },
  ]);
  const keys = await many(
    db,
    z.object({ id: z.string(), name: z.string(), scopes: z.number() }),
    sql`SELECT id, name, cardinality(scopes) AS scopes FROM api_key`,
  );
  const scopesOf = (key: string) => keys.find(({ id }) => id === parseApiKey(key)!.id)?.scopes;
  expect(keys).toHaveLength(4);
  expect(scopesOf(operator)).toBe(scopesOf(shop)! + 1);
  expect(scopesOf(later)).toBe(scopesOf(shop));
  expect(scopesOf(metrics)).toBe(0);
  await expect(seedDefaultTenant(db, { apiKey: 'lk_of_my_own' })).rejects.toThrow('the default key is none');
});

it('changes the secret of the data keys, also after an interruption, and names a key that neither secret opens', async () => {
  const [before, after] = ['a secret of the installation, long enough', 'the next secret of the installation, as long'];
  const [former, next] = [createVault(before), createVault(after)];
  const tenant = newId('tenant');
  await exec(db, sql`INSERT INTO tenant (id, name, webhook_secret) VALUES (${tenant}, 'studio', 'whsec_dGVzdA==')`);
  const sealed = new Map<string, Uint8Array>();
  for (let i = 0; i < 700; i++) {
    const [id, key] = [`gen_${String(i).padStart(26, '0')}`, former.newKey()];
    sealed.set(id, former.seal(key, id, Buffer.from(id)));
    await exec(db, sql`INSERT INTO data_key (id, tenant_id, wrapped) VALUES (${id}, ${tenant}, ${Buffer.from(key)})`);
  }
  const interrupted = (done: number) => {
    if (done === 500) throw new Error('interrupted');
  };
  await expect(rewrapDataKeys(db, before, after, interrupted)).rejects.toThrow('interrupted');
  expect(await rewrapDataKeys(db, before, after, () => undefined)).toBe(700);
  const Row = z.object({ id: z.string(), wrapped: z.instanceof(Uint8Array) });
  for (const { id, wrapped } of await many(db, Row, sql`SELECT id, wrapped FROM data_key`))
    expect(Buffer.from(next.unseal(wrapped, id, sealed.get(id)!)).toString()).toBe(id);

  const stranger = createVault('a secret of somebody else, long enough too').newKey();
  await exec(db, sql`UPDATE data_key SET wrapped = ${Buffer.from(stranger)} WHERE id = 'gen_00000000000000000000000300'`);
  await expect(rewrapDataKeys(db, before, after, () => undefined)).rejects.toThrow(
    'the data key of gen_00000000000000000000000300 is wrapped by neither',
  );
  expect(await one(db, z.object({ count: z.number() }), sql`SELECT count(*)::int AS count FROM data_key`)).toEqual({ count: 700 });
});
