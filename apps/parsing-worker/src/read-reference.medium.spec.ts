import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { newId, PICTURE_MAX_BYTES, type TenantId } from '@likeness/contracts';
import { exec, openDb, sql, testDatabase, type Db } from '@likeness/platform/db';
import { createEgress } from '@likeness/platform/egress';
import { openSealedStore, type SealedStore } from '@likeness/platform/storage';
import { freePort } from '@likeness/platform/testing';
import type { HandlerContext } from '@likeness/worker';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readReference } from './read-reference.ts';

const tenantId = newId('tenant');
let db: Db;
let store: SealedStore;
let folder: string;
let drop: () => Promise<void>;
const servers: { close(): void }[] = [];

beforeAll(async () => {
  const database = await testDatabase();
  db = openDb(database.url, { max: 2 });
  folder = await mkdtemp(join(tmpdir(), 'likeness-reference-'));
  store = openSealedStore({ OBJECT_STORE_URL: pathToFileURL(folder).href, DATA_KEY_SECRET: 'a secret for tests of 32 characters or more' });
  await exec(db, sql`INSERT INTO tenant (id, name, webhook_secret) VALUES (${tenantId}, 'shop', 'whsec_eA==')`);
  drop = async () => {
    await db.close();
    await database.drop();
    await rm(folder, { recursive: true, force: true });
  };
});
afterAll(() => drop());
afterEach(() => servers.splice(0).forEach((server) => server.close()));

async function serve(answer: RequestListener): Promise<{ url: string; address: string }> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url: `http://${address}/photo.jpg?token=1`, address };
}

/** What the handler would get; `left` lists what it leaves. */
function contextFor(reference: string, exempt: string[] = []) {
  const left: unknown[] = [];
  const egress = createEgress({ EGRESS_ALLOW_CIDRS: [], EGRESS_ALLOW_ADDRESSES: exempt, EGRESS_ALLOW_PORTS: [] });
  const context = {
    db,
    store,
    egress,
    stage: { tenant_id: tenantId, subject_id: null, input: { reference_images: [reference] } },
    keep: (name: string) => Promise.resolve(left.push({ kept: name })).then(() => undefined),
    point: (artifact: { name: string; object_key: string }) => void left.push({ pointed: artifact.name, object_key: artifact.object_key }),
  };
  return { context: context as unknown as HandlerContext, left };
}

describe('an upload', () => {
  async function upload(owner: TenantId = tenantId) {
    const id = newId('upload');
    const key = `t/${owner}/uploads/${id}`;
    const dataKey = store.vault.newKey();
    await store.put(key, Buffer.from('picture'), { contentType: 'image/jpeg', dataKey });
    await exec(db, sql`INSERT INTO data_key (id, tenant_id, wrapped) VALUES (${id}, ${owner}, ${dataKey})`);
    await exec(
      db,
      sql`INSERT INTO upload (id, tenant_id, status, filename, content_type, size, sha256, object_key, expires_at)
          VALUES (${id}, ${owner}, 'ready', 'a.jpg', 'image/jpeg', 7, 'x', ${key}, now() + interval '1 day')`,
    );
    return { id, key };
  }

  it('is read, and pointed at where it lies', async () => {
    const { id, key } = await upload();
    const { context, left } = contextFor(id);
    expect(Buffer.from(await readReference(context)).toString()).toBe('picture');
    expect(left).toEqual([{ pointed: 'reference', object_key: key }]);
  });

  it('that is gone is upload_invalid', async () => {
    await expect(readReference(contextFor(newId('upload')).context)).rejects.toMatchObject({ code: 'upload_invalid' });
  });

  it('of another tenant is upload_invalid, too', async () => {
    const other = newId('tenant');
    await exec(db, sql`INSERT INTO tenant (id, name, webhook_secret) VALUES (${other}, 'another shop', 'whsec_eA==')`);
    const { id } = await upload(other);
    await expect(readReference(contextFor(id).context)).rejects.toMatchObject({ code: 'upload_invalid' });
  });

  it('whose data key was destroyed is as good as gone', async () => {
    const { id } = await upload();
    await exec(db, sql`DELETE FROM data_key WHERE id = ${id}`);
    await expect(readReference(contextFor(id).context)).rejects.toMatchObject({ code: 'storage_unavailable' });
  });

  it('whose object is not in the store is storage_unavailable', async () => {
    const { id, key } = await upload();
    await store.remove([key]);
    await expect(readReference(contextFor(id).context)).rejects.toMatchObject({ code: 'storage_unavailable' });
  });
});

describe('a URL', () => {
  it('where nobody answers fails with its own code', async () => {
    const address = `127.0.0.1:${await freePort()}`;
    const refused = readReference(contextFor(`http://${address}/photo.jpg?token=1`, [address]).context);
    const message = expect.stringMatching(`^http://${address}/photo.jpg could not be reached: `);
    await expect(refused).rejects.toMatchObject({ code: 'input_fetch_failed', message });
  });

  it('is fetched and kept', async () => {
    const { url, address } = await serve((_, response) => response.end('picture'));
    const { context, left } = contextFor(url, [address]);
    expect(Buffer.from(await readReference(context)).toString()).toBe('picture');
    expect(left).toEqual([{ kept: 'reference' }]);
  });

  it.each<[string, RequestListener, string]>([
    ['answers 404', (_, response) => response.writeHead(404).end(), 'input_fetch_failed'],
    ['redirects', (_, response) => response.writeHead(302, { location: 'http://127.0.0.1/' }).end(), 'input_fetch_failed'],
    ['breaks off', (request) => request.socket.destroy(), 'input_fetch_failed'],
    ['answers with too much', (_, response) => response.end(Buffer.alloc(PICTURE_MAX_BYTES + 1)), 'image_unreadable'],
  ])('that %s fails with its own code, and without the secrets of its query', async (_, answer, code) => {
    const { url, address } = await serve(answer);
    const message = expect.stringMatching(/\/photo\.jpg(?!.*token)/);
    await expect(readReference(contextFor(url, [address]).context)).rejects.toMatchObject({ code, message });
  });

  it('on a private address that nobody has exempted is not called', async () => {
    let called = false;
    const { url } = await serve(() => (called = true));
    await expect(readReference(contextFor(url).context)).rejects.toMatchObject({ code: 'input_url_blocked' });
    expect(called).toBe(false);
  });
});
