/** One suite for every store: what holds for the directory of a single machine holds for S3. */
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { LikenessError } from '@likeness/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, hasS3, startS3 } from '../testing/index.ts';
import { ObjectMissing, openObjectStore, type ObjectStore } from './index.ts';

interface OpenedStore {
  readonly store: ObjectStore;
  stop(): Promise<unknown>;
}

const directory = async (): Promise<OpenedStore> => {
  const path = await mkdtemp(join(tmpdir(), 'likeness-store-'));
  return { store: openObjectStore(pathToFileURL(path).href), stop: () => rm(path, { recursive: true }) };
};
const s3 = async (): Promise<OpenedStore> => {
  const server = await startS3();
  return { store: openObjectStore(server.url), stop: () => server.stop() };
};

const keysOf = async (store: ObjectStore, prefix: string) => {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys.sort();
};

describe.each([
  ['a directory', true, directory],
  ['S3', hasS3, s3],
])('the store in %s', (_name, available, open) => {
  const root = `t/${randomUUID()}`;
  let opened: OpenedStore;
  let store: ObjectStore;
  beforeAll(async () => {
    if (!available) return;
    opened = await open();
    store = opened.store;
    await store.check();
  });
  afterAll(() => opened?.stop());

  it.runIf(available)('gives back the bytes and the content type', async () => {
    const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => i % 251);
    await store.put(`${root}/picture`, bytes, { contentType: 'image/png; charset=binary' });
    expect(Buffer.from(await store.get(`${root}/picture`)).equals(bytes)).toBe(true);
    expect(await store.stat(`${root}/picture`)).toEqual({ size: 70_000, contentType: 'image/png; charset=binary' });
  });

  it.runIf(available)('keeps an object of no bytes, and one that is a view of a larger buffer', async () => {
    await store.put(`${root}/nothing`, new Uint8Array(), { contentType: 'text/plain' });
    expect((await store.get(`${root}/nothing`)).length).toBe(0);
    expect(await store.stat(`${root}/nothing`)).toEqual({ size: 0, contentType: 'text/plain' });
    await store.put(`${root}/view`, Uint8Array.of(1, 2, 3, 4, 5).subarray(1, 3), { contentType: 'text/plain' });
    expect([...(await store.get(`${root}/view`))]).toEqual([2, 3]);
  });

  it.runIf(available)('replaces an object as a whole, also when many write at once', async () => {
    const writers = Array.from({ length: 8 }, (_, n) => new Uint8Array(20_000 + n).fill(n));
    await Promise.all(writers.map((bytes, n) => store.put(`${root}/busy`, bytes, { contentType: `x/${n}` })));
    const bytes = await store.get(`${root}/busy`);
    const [n = -1] = bytes;
    expect(bytes.length).toBe(20_000 + n);
    expect(bytes.every((byte) => byte === n)).toBe(true);
    expect(await store.stat(`${root}/busy`)).toEqual({ size: 20_000 + n, contentType: `x/${n}` });
  });

  it.runIf(available)('says what is missing', async () => {
    await expect(store.get(`${root}/absent`)).rejects.toThrow(new ObjectMissing(`${root}/absent`));
    await expect(store.get(root)).rejects.toThrow(ObjectMissing); // a prefix of others is no object
    expect(await store.stat(`${root}/absent`)).toBeNull();
    expect(await store.stat(root)).toBeNull();
  });

  it.runIf(available)('lists the keys with a prefix, of any depth', async () => {
    for (const key of ['a/1', 'a/b/2', 'ab/3', 'c/4'])
      await store.put(`${root}/list/${key}`, Buffer.from(key), { contentType: 'text/plain' });
    expect(await keysOf(store, `${root}/list/a`)).toEqual(['a/1', 'a/b/2', 'ab/3'].map((key) => `${root}/list/${key}`));
    expect(await keysOf(store, `${root}/list/a/`)).toEqual(['a/1', 'a/b/2'].map((key) => `${root}/list/${key}`));
    expect(await keysOf(store, `${root}/nowhere/`)).toEqual([]);
  });

  it.runIf(available)('removes what is there and does not mind what is not', async () => {
    const keys = Array.from({ length: 12 }, (_, n) => `${root}/gone/${n % 3}/${n}`);
    for (const key of keys) await store.put(key, Buffer.from('x'), { contentType: 'text/plain' });
    await store.remove([...keys.slice(1), `${root}/gone/never`]);
    await store.remove([]);
    expect(await keysOf(store, `${root}/gone/`)).toEqual([keys[0]]);
    await store.put(`${root}/gone/1/1`, Buffer.from('again'), { contentType: 'text/plain' });
    expect(Buffer.from(await store.get(`${root}/gone/1/1`)).toString()).toBe('again');
  });

  it.runIf(available)('removes nothing under the name of a folder, or below an object', async () => {
    await store.put(`${root}/kept/1`, Buffer.from('x'), { contentType: 'text/plain' });
    await store.remove([`${root}/kept`, `${root}/kept/1/below`, `${root}/kept/1/far/below`]);
    expect(await keysOf(store, `${root}/kept`)).toEqual([`${root}/kept/1`]);
  });

  it.runIf(available)('lists when an object was last put', async () => {
    const listed = async () => {
      for await (const { modifiedAt } of store.list(`${root}/dated`)) return modifiedAt.getTime();
      throw new Error('nothing is listed');
    };
    const put = () => store.put(`${root}/dated`, Buffer.from('x'), { contentType: 'text/plain' });
    const before = Date.now();
    await put();
    const first = await listed();
    expect(first).toBeGreaterThanOrEqual(before - 1_000); // some stores keep whole seconds
    expect(first).toBeLessThanOrEqual(Date.now() + 1_000);
    await sleep(1_100);
    await put();
    expect(await listed()).toBeGreaterThan(first);
  });

  it.runIf(available)('keeps what is put while its neighbours are removed', async () => {
    const keys = Array.from({ length: 30 }, (_, n) => `${root}/crowd/${n}`);
    for (const key of keys) {
      const others = keys.filter((other) => other !== key);
      await Promise.all([store.put(key, Buffer.from(key), { contentType: 'text/plain' }), store.remove(others)]);
      expect(await keysOf(store, `${root}/crowd/`)).toContain(key);
    }
  });

  it
    .runIf(available)
    .each([
      '',
      '/',
      'a//b',
      '../a',
      'a/../b',
      'a/./b',
      '/etc/passwd',
      'a/',
      'a\\b',
      'a\0b',
      'a b',
      'ä',
      `${'a'.repeat(201)}`,
      'a/'.repeat(500) + 'a',
    ])('refuses the key %j', async (key) => {
    await expect(store.put(key, Buffer.from('x'), { contentType: 'text/plain' })).rejects.toThrow(RangeError);
    await expect(store.get(key)).rejects.toThrow(RangeError);
    await expect(store.stat(key)).rejects.toThrow(RangeError);
    await expect(store.remove([key])).rejects.toThrow(RangeError);
  });
});

describe('outages', () => {
  const unavailable = (detail: RegExp) => ({ code: 'storage_unavailable', message: expect.stringMatching(detail) });

  it('are errors of the registry: a directory that cannot be made', async () => {
    const path = await mkdtemp(join(tmpdir(), 'likeness-store-'));
    await writeFile(join(path, 'file'), '');
    const store = openObjectStore(pathToFileURL(join(path, 'file', 'inside')).href);
    await expect(store.check()).rejects.toMatchObject(unavailable(/could not write: ENOTDIR/));
    await expect(store.put('a', Buffer.from('x'), { contentType: 'text/plain' })).rejects.toBeInstanceOf(LikenessError);
    await rm(path, { recursive: true });
  });

  it('are errors of the registry: a server that is away', async () => {
    const store = openObjectStore(`s3://a:b@127.0.0.1:${await freePort()}/bucket?ssl=false`);
    await expect(store.check()).rejects.toMatchObject(unavailable(/could not find the bucket bucket: .*ECONNREFUSED/));
    await expect(store.get('a')).rejects.toMatchObject(unavailable(/could not read a/));
    await expect(keysOf(store, '')).rejects.toMatchObject(unavailable(/could not list/));
  });

  it.runIf(hasS3)('are errors of the registry: a key that the server does not know', async () => {
    const server = await startS3();
    const url = new URL(server.url);
    url.password = 'wrong-secret';
    await expect(openObjectStore(url.href).check()).rejects.toMatchObject(unavailable(/find the bucket/));
    await server.stop();
  });

  it('leave no half-written file behind', async () => {
    const path = await mkdtemp(join(tmpdir(), 'likeness-store-'));
    const store = openObjectStore(pathToFileURL(path).href);
    await store.put('a', Buffer.from('x'), { contentType: 'text/plain' });
    await expect(store.put('a/b', Buffer.from('x'), { contentType: 'text/plain' })).rejects.toMatchObject(unavailable(/could not keep/));
    expect(await readdir(join(path, '.new'))).toEqual([]);
    await rm(path, { recursive: true });
  });
});

it('lets nobody but its owner look into a directory', async () => {
  const path = await mkdtemp(join(tmpdir(), 'likeness-store-'));
  const store = openObjectStore(pathToFileURL(join(path, 'made')).href);
  await store.check();
  await store.put('t/a', Buffer.from('x'), { contentType: 'text/plain' });
  const modes = await Promise.all(
    ['made', 'made/.new', 'made/objects', 'made/objects/t', 'made/objects/t/a'].map(
      async (name) => (await stat(join(path, name))).mode & 0o777,
    ),
  );
  expect(modes).toEqual([0o700, 0o700, 0o700, 0o700, 0o600]);
  await rm(path, { recursive: true });
});

it('refuses another kind of URL', () => {
  expect(() => openObjectStore('ftp://host/bucket')).toThrow('ftp: is no kind of object store');
  expect(() => openObjectStore('s3://a:b@host/')).toThrow('is no bucket name');
});
