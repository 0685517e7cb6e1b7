/** After an erasure no byte of the subject is anywhere: every row, object, key of the queue and line of the logs is looked through. */
import { randomBytes, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Erasure, Generation, Subject } from '@likeness/contracts';
import { many, openDb, sql, Sql, type Db } from '@likeness/platform/db';
import { openSealedStore } from '@likeness/platform/storage';
import { redisServer, startRedis, type TestServer } from '@likeness/platform/testing';
import { Redis } from 'ioredis';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { useStack } from './stack.ts';

/** Something to look for, by the name it has in a failure. */
type Needles = ReadonlyMap<string, Buffer>;

describe.each([
  ['Postgres', true],
  ['Redis', redisServer !== undefined],
])('a subject that was erased, with its queue on %s', (backend, available) => {
  const it_ = it.runIf(available);
  let redis: TestServer | undefined;
  const fixture = useStack({ env: { LOG_LEVEL: 'debug' } }, async () => {
    redis = backend === 'Redis' && available ? await startRedis() : undefined;
    return { redisUrl: redis?.url };
  });
  afterAll(() => redis?.stop());

  it_('has left nothing behind', async () => {
    const { client, stack, receiver } = fixture();
    const words = { external_id: randomUUID(), prompt: `a person and ${randomUUID()}`, order: randomUUID(), hook: randomUUID() };
    // Noise, so that no other picture has its bytes.
    const photo = await sharp(randomBytes(128 * 128 * 3), { raw: { width: 128, height: 128, channels: 3 } })
      .jpeg({ quality: 90 })
      .toBuffer();
    const upload = await client.upload(photo);
    const consent = { basis: 'consent', obtained_at: '2026-11-01T10:00:00Z', policy_version: '3', evidence: words.order };
    const made = await client.call<Subject>('POST', '/v1/subjects', {
      reference_images: [upload.id],
      external_id: words.external_id,
      consent,
    });
    expect(made.status, JSON.stringify(made.body)).toBe(201);
    const more = {
      metadata: { order: words.order },
      webhook: `${receiver.url}?${words.hook}`,
      webhook_events_filter: ['started', 'completed'],
    };
    const jobs: Generation[] = [];
    for (let i = 0; i < 2; i++) {
      const { id } = await client.create({ subject: made.body.id, prompt: words.prompt, steps: 4 }, more, {
        'idempotency-key': `${words.order}-${i}`,
      });
      jobs.push(await client.untilTerminal(id));
    }
    expect(jobs.map(({ status, cache }) => [status, cache])).toEqual([
      ['succeeded', { parse: false, embed: false }],
      ['succeeded', { parse: true, embed: true }],
    ]);
    const db = openDb(stack.databaseUrl, { max: 1 });
    const needles = new Map([
      ['the reference', photo.subarray(400, 464)],
      ...Object.entries(words).map(([name, text]): [string, Buffer] => [name, Buffer.from(text)]),
      ...(await artifactsOf(db, stack.directory, made.body.id)),
    ]);
    expect(needles.has('images-0')).toBe(true);
    const look = async () => [
      ...(await inRows(db, needles)),
      ...(await inFiles(join(stack.directory.path, 'objects'), needles)),
      ...(redis ? await inRedis(redis.url, needles) : []),
      ...(await inFiles(join(stack.directory.path, 'logs'), needles)),
    ];
    expect((await look()).sort()).toEqual(
      expect.arrayContaining([expect.stringContaining('external_id in subject'), expect.stringContaining('prompt in generation')]),
    );

    const busy = await client.create({ subject: made.body.id, prompt: words.prompt, steps: 100 }, more);
    await client.until(busy.id, ({ stage }) => stage === 'sample');
    const begun = await client.call<{ erasure_id: string }>('DELETE', `/v1/subjects/${made.body.id}`);
    expect(begun.status).toBe(202);
    const receipt = async () => (await client.call<Erasure>('GET', `/v1/erasures/${begun.body.erasure_id}`)).body;
    await expect.poll(async () => (await receipt()).status, { timeout: 60_000, interval: 200 }).toBe('completed');
    const { removed, object_keys_sha256, data_key_destroyed } = await receipt();
    expect([removed.generations, removed.cache_entries, removed.objects, data_key_destroyed]).toEqual([
      3,
      2,
      object_keys_sha256.length,
      true,
    ]);
    for (const { id } of [...jobs, busy]) expect(await client.get(id)).toMatchObject({ data_removed: true, input: null, output: null });
    expect(await look()).toEqual([]);
    await db.close();
  });
});

/** 48 bytes from the middle of everything that was made of the subject, in plain. */
async function artifactsOf(
  db: Db,
  { path, secrets }: { path: string; secrets: { data_key_secret: string } },
  subject: string,
): Promise<Needles> {
  const store = openSealedStore({ OBJECT_STORE_URL: `file://${join(path, 'objects')}`, DATA_KEY_SECRET: secrets.data_key_secret });
  const Row = z.object({ name: z.string(), object_key: z.string(), wrapped: z.instanceof(Uint8Array) });
  const rows = await many(
    db,
    Row,
    sql`SELECT DISTINCT a.name || '-' || index AS name, object_key, wrapped FROM artifact a JOIN generation g ON g.id = generation_id JOIN data_key k ON k.id = data_key_id
         WHERE subject_id = ${subject}`,
  );
  const found = new Map<string, Buffer>();
  for (const { name, object_key, wrapped } of rows) {
    const bytes = Buffer.from(await store.get(object_key, wrapped));
    const middle = Math.floor(bytes.length / 2);
    const part = bytes.subarray(middle, middle + 48);
    if (new Set(part).size > 8) found.set(name, part); // a run of one value is found anywhere
  }
  return found;
}

/** Where needles are, as they are, in hex or in base64. */
const within = (bytes: Buffer, where: string, needles: Needles): string[] =>
  [...needles].flatMap(([name, needle]) => {
    const forms = [needle, Buffer.from(needle.toString('hex')), Buffer.from(needle.toString('base64').slice(2, -4))];
    return forms.some((form) => bytes.includes(form)) ? [`${name} in ${where}`] : [];
  });

/** Every column of every table of every schema, the queue's included. */
async function inRows(db: Db, needles: Needles): Promise<string[]> {
  const Table = z.object({ name: z.string() });
  const tables = await many(
    db,
    Table,
    sql`SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const rows = await many(db, z.object({ row: z.string() }), new Sql([`SELECT t::text AS row FROM ${name} AS t`], []));
    for (const { row } of rows) found.push(...within(Buffer.from(row), name.replace('public.', ''), needles));
  }
  return found;
}

async function inFiles(folder: string, needles: Needles): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) found.push(...within(await readFile(join(entry.parentPath, entry.name)), entry.name, needles));
  }
  return found;
}

async function inRedis(url: string, needles: Needles): Promise<string[]> {
  const client = new Redis(url);
  const read: Record<string, (key: string) => Promise<unknown>> = {
    string: (key) => client.get(key),
    hash: (key) => client.hgetall(key),
    list: (key) => client.lrange(key, 0, -1),
    set: (key) => client.smembers(key),
    zset: (key) => client.zrange(key, 0, -1),
    stream: (key) => client.xrange(key, '-', '+'),
  };
  const found: string[] = [];
  for (const key of await client.keys('*')) {
    const value = await read[await client.type(key)]?.(key);
    found.push(...within(Buffer.from(key + JSON.stringify(value)), key, needles));
  }
  client.disconnect();
  return found;
}
