import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { newId, type TenantId } from '@likeness/contracts';
import { exec, json, listen, many, one, openDb, sql, testDatabase, type Db } from '@likeness/platform/db';
import { openObjectStore, type ObjectStore } from '@likeness/platform/storage';
import { createLogger } from '@likeness/platform/telemetry';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { removeData } from './remove-data.ts';
import { sweepOrphans, sweepRetention } from './sweep-retention.ts';

const log = createLogger('test', 'silent');
let db: Db;
let url: string;
let store: ObjectStore;
let tenantId: TenantId;
let stop: () => Promise<void>;

beforeAll(async () => {
  const database = await testDatabase();
  const directory = await mkdtemp(join(tmpdir(), 'likeness-sweep-'));
  url = database.url;
  db = openDb(url, { max: 4 });
  store = openObjectStore(pathToFileURL(directory).href);
  stop = async () => {
    await db.close();
    await database.drop();
    await rm(directory, { recursive: true });
  };
});
afterAll(() => stop());
beforeEach(async () => {
  tenantId = newId('tenant');
  await exec(db, sql`INSERT INTO tenant (id, name, webhook_secret) VALUES (${tenantId}, 'a', 'whsec_')`);
});
afterEach(async () => {
  await store.remove(await objects());
  await exec(db, sql`TRUNCATE tenant, worker CASCADE`);
});

const objects = async () => {
  const keys: string[] = [];
  for await (const { key } of store.list('t/')) keys.push(key);
  return keys.sort();
};
const put = async (key: string) => {
  await store.put(key, Buffer.from('a face'), { contentType: 'image/png' });
  return key;
};
const generation = async ({ status = 'succeeded', expiresIn = 3_600, references = [] as string[] } = {}) => {
  const id = newId('generation');
  await exec(
    db,
    sql`INSERT INTO generation (id, tenant_id, status, input, pack, completed_at, expires_at)
        VALUES (${id}, ${tenantId}, ${status}, ${json({ prompt: 'a person', reference_images: references })}::jsonb, '{}',
                ${status === 'succeeded' ? new Date() : null}, now() + ${status === 'succeeded' ? expiresIn : null}::float8 * interval '1 second')`,
  );
  return id;
};
const artifact = (generationId: string, key: string) =>
  exec(
    db,
    sql`INSERT INTO artifact (id, generation_id, tenant_id, stage, name, object_key, content_type, size, sha256)
        VALUES (${newId('artifact')}, ${generationId}, ${tenantId}, 'parse', ${key.replaceAll('/', '-')}, ${key}, 'image/png', 6, '')`,
  );
const upload = async (expiredSeconds: number) => {
  const id = newId('upload');
  const key = await put(`t/${tenantId}/uploads/${id}`);
  await exec(
    db,
    sql`INSERT INTO upload (id, tenant_id, status, filename, content_type, size, sha256, object_key, expires_at)
        VALUES (${id}, ${tenantId}, 'ready', 'a.png', 'image/png', 6, '', ${key}, now() - ${expiredSeconds}::float8 * interval '1 second')`,
  );
  return { id, key };
};
const sweep = async () => {
  const wait = await sweepRetention({ db, store, log });
  await removeData({ db, store, log });
  return wait;
};
const Row = z.object({ data_removed: z.boolean(), sequence: z.number(), input: z.unknown(), artifacts: z.number() });
const read = (id: string) =>
  one(
    db,
    Row,
    sql`SELECT data_removed, sequence, input, (SELECT count(*)::int FROM artifact WHERE generation_id = g.id) AS artifacts FROM generation g WHERE id = ${id}`,
  );
const uploads = async () => (await many(db, z.object({ id: z.string() }), sql`SELECT id FROM upload`)).map(({ id }) => id);

describe('the sweep', () => {
  it('removes every byte of a generation past its time, also of attempts that failed, and tells those who watch it', async () => {
    const [gone, kept] = [await generation({ expiresIn: -1, references: ['upl_x'] }), await generation()];
    await artifact(gone, await put(`t/${tenantId}/${gone}/sample/2/images-0`));
    await put(`t/${tenantId}/${gone}/sample/1/images-0`);
    const own = await put(`t/${tenantId}/${kept}/sample/1/images-0`);
    await artifact(kept, own);
    const told = Promise.withResolvers<string>();
    const listener = listen(url, { generation: told.resolve });
    await listener.ready;
    await sweep();
    expect(await told.promise).toBe(gone);
    await listener.close();
    expect(await objects()).toEqual([own]);
    expect(await read(gone)).toEqual({ data_removed: true, sequence: 2, input: { reference_images: [] }, artifacts: 0 });
    expect(await read(kept)).toMatchObject({ data_removed: false, sequence: 1, artifacts: 1 });
    await sweep();
    expect((await read(gone))?.sequence).toBe(2);
  });

  it('removes uploads past their time, except while a generation needs them', async () => {
    const [old, fresh, running, pointed] = [await upload(120), await upload(-60), await upload(120), await upload(120)];
    await generation({ status: 'processing', references: [running.id] });
    const finished = await generation({ references: [pointed.id] });
    await artifact(finished, pointed.key);
    await sweep();
    expect((await uploads()).sort()).toEqual([fresh.id, running.id, pointed.id].sort());
    expect(await objects()).toEqual([fresh.key, running.key, pointed.key].sort());
    expect(await store.stat(old.key)).toBeNull();
    await exec(db, sql`UPDATE generation SET expires_at = now() WHERE id = ${finished}`);
    await sweep();
    await sweep();
    expect((await uploads()).sort()).toEqual([fresh.id, running.id].sort());
  });

  it('drops idempotency keys after a day, and workers that were not seen for an hour', async () => {
    await exec(
      db,
      sql`INSERT INTO idempotency_key (tenant_id, key, request_hash, resource_id, status_code, created_at)
          SELECT ${tenantId}, age, '', 'gen_1', 202, now() - age::interval FROM unnest(ARRAY['23 hours', '25 hours']) AS age`,
    );
    await exec(
      db,
      sql`INSERT INTO worker (id, class, host, pid, seen_at)
          SELECT age, 'parsing', 'host', 1, now() - age::interval FROM unnest(ARRAY['59 minutes', '61 minutes']) AS age`,
    );
    await sweep();
    const Name = z.object({ name: z.string() });
    expect(await many(db, Name, sql`SELECT key AS name FROM idempotency_key UNION ALL SELECT id FROM worker`)).toEqual([
      { name: '23 hours' },
      { name: '59 minutes' },
    ]);
  });

  it('drops webhooks a month after they were over, with their log', async () => {
    const made = async (status: string, daysAgo: number, overDaysAgo: number | null) => {
      const id = newId('delivery', Date.now() - daysAgo * 86_400_000);
      await exec(
        db,
        sql`WITH delivery AS (
              INSERT INTO webhook_delivery (id, tenant_id, type, sequence, url, body, status, completed_at)
              VALUES (${id}, ${tenantId}, 'generation.completed', 1, 'https://example.com', '{}', ${status}, now() - ${overDaysAgo}::float8 * interval '1 day') RETURNING id)
            INSERT INTO webhook_attempt (delivery_id, attempt, duration_ms) SELECT id, 1, 5 FROM delivery`,
      );
      return id;
    };
    await made('succeeded', 31, 31);
    await made('exhausted', 32, 31);
    const kept = [
      await made('succeeded', 40, 1),
      await made('pending', 40, null),
      await made('exhausted', 29, 28),
      await made('failed', 1, 1),
    ];
    await sweepRetention({ db, store, log });
    const Left = z.object({ id: z.string() });
    expect((await many(db, Left, sql`SELECT id FROM webhook_delivery`)).map(({ id }) => id).sort()).toEqual([...kept].sort());
    expect((await many(db, Left, sql`SELECT delivery_id AS id FROM webhook_attempt`)).map(({ id }) => id).sort()).toEqual([...kept].sort());
  });

  it('says that there may be more after a full batch', async () => {
    for (let i = 0; i < 101; i++) await generation({ expiresIn: -1 });
    expect([await sweep(), await sweep()]).toEqual([0, 60_000]);
    expect(await one(db, z.object({ n: z.number() }), sql`SELECT count(*)::int AS n FROM generation WHERE NOT data_removed`)).toEqual({
      n: 0,
    });
  });

  it('leaves the rows alone while their objects cannot be removed', async () => {
    const id = await generation({ expiresIn: -1 });
    await artifact(id, await put(`t/${tenantId}/${id}/sample/1/images-0`));
    const broken: ObjectStore = { ...store, remove: () => Promise.reject(new Error('the store is away')) };
    await sweepRetention({ db, store, log });
    await expect(removeData({ db, store: broken, log })).rejects.toThrow('the store is away');
    expect(await read(id)).toMatchObject({ data_removed: false, artifacts: 1 });
    await removeData({ db, store, log });
    expect(await read(id)).toMatchObject({ data_removed: true, artifacts: 0 });
  });

  it('leaves the references and reusable results of subjects, and removes what lies beside them', async () => {
    const id = newId('subject');
    const [reference, face, left] = await Promise.all(
      ['references/0', 'cache/gen_a/parse/1/face-0', 'cache/gen_a/parse/2/face-0'].map((key) => put(`t/${tenantId}/subjects/${id}/${key}`)),
    );
    await exec(
      db,
      sql`INSERT INTO subject (id, tenant_id, reference_images) VALUES (${id}, ${tenantId}, ${json([{ object_key: reference, size: 6 }])}::jsonb)`,
    );
    await exec(
      db,
      sql`INSERT INTO cache_entry (tenant_id, key, subject_id, stage, artifacts) VALUES (${tenantId}, 'k', ${id}, 'parse', ${json([{ object_key: face, name: 'face' }])}::jsonb)`,
    );
    await sweepOrphans({ db, store, log }, Date.now() + 25 * 3_600_000);
    expect(await objects()).toEqual([face, reference].sort());
    expect(left).toBeDefined();
  });

  it('removes objects of a day ago that nothing points at', async () => {
    const id = await generation();
    const { key } = await upload(-60);
    const own = await put(`t/${tenantId}/${id}/sample/1/images-0`);
    await artifact(id, own);
    await put(`t/${tenantId}/${id}/sample/1/images-1`);
    await sweepOrphans({ db, store, log });
    expect(await objects()).toHaveLength(3);
    await sweepOrphans({ db, store, log }, Date.now() + 25 * 3_600_000);
    expect(await objects()).toEqual([own, key].sort());
  });
});
