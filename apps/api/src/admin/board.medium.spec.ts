import { afterAll, describe, expect, it } from 'vitest';
import type { Problem } from '@likeness/contracts';
import { openQueue } from '@likeness/platform/queue';
import { redisServer, startRedis, type TestServer } from '@likeness/platform/testing';
import { picture, startApi, type TestApi } from '../testing/api.ts';

interface Queues {
  readonly queues: {
    readonly name: string;
    readonly readOnlyMode: boolean;
    readonly counts: Record<string, number>;
    readonly jobs: { readonly data: unknown }[];
  }[];
}

const QUEUES = '/admin/board/api/queues?activeQueue=parsing&status=waiting&page=1&jobsPerPage=10';
const started: TestApi[] = [];
afterAll(() => Promise.all(started.map((api) => api.stop())));

async function withAdmin(env: Readonly<Record<string, string>> = {}) {
  const api = await startApi(env);
  started.push(api);
  const { key } = await api.newKey(api.tenant.id, ['admin']);
  const basic = { authorization: `Basic ${Buffer.from(`anyone:${key}`).toString('base64')}` };
  const look = <T>(path: string, method = 'GET') => api.call<T>(method, path, { key: null, headers: basic });
  return { api, key, look };
}

/** One job of the queue, put there as the dispatcher does. */
async function add(api: TestApi, redis?: string): Promise<void> {
  const queue = openQueue('parsing', { DATABASE_URL: api.db.pool.options.connectionString ?? '', REDIS_URL: redis });
  await queue.add('parse-face', { stageId: 'stg_x' }, { jobId: 'stg_x-1' });
  await queue.close();
}

describe('the board', () => {
  it('is for administrators: with the key as a token, or as the password that a browser asks for', async () => {
    const { api, key, look } = await withAdmin();
    const page = await look<string>('/admin/board');
    expect([page.status, page.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/html')]);
    expect(page.body).toContain('Likeness');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
    expect((await api.call('GET', '/admin/board', { key })).status).toBe(200);
    const asset = /(?:src|href)="([^"]*static\/[^"]+\.(?:js|css))"/.exec(page.body)?.[1] ?? '';
    expect((await look(new URL(asset, `${api.url}/admin/board/`).pathname)).status).toBe(200);

    for (const path of [
      '/admin/board',
      '/admin/board/api/queues',
      '/admin/board/queue/parsing',
      new URL(asset, `${api.url}/admin/board/`).pathname,
    ]) {
      const none = await api.call<Problem>('GET', path, { key: null });
      expect([none.status, none.headers.get('www-authenticate'), none.body.code], path).toEqual([
        401,
        'Basic realm="likeness"',
        'unauthenticated',
      ]);
      expect((await api.call('GET', path)).status, path).toBe(403); // a tenant's key
      const wrong = { authorization: `Basic ${Buffer.from(`admin:${key}x`).toString('base64')}` };
      expect((await api.call('GET', path, { key: null, headers: wrong })).status, path).toBe(401);
    }
    // Basic is the board's alone.
    expect((await look('/admin/tenants')).status).toBe(401);
  });

  it('shows the queues of the Postgres backend, and changes nothing', async () => {
    const { api, look } = await withAdmin();
    await add(api);
    const { status, body } = await look<Queues>(QUEUES);
    expect(status).toBe(200);
    expect(body.queues.map(({ name, readOnlyMode }) => [name, readOnlyMode])).toEqual(
      ['parsing', 'embedding', 'diffusion', 'webhooks'].map((name) => [name, true]),
    );
    expect(body.queues[0]?.counts).toMatchObject({ waiting: 1 });
    expect(body.queues[0]?.jobs).toMatchObject([{ data: { stageId: 'stg_x' } }]);
    for (const path of ['queues/parsing/empty', 'queues/parsing/pause', 'queues/parsing/stg_x-1/clean', 'queues/parsing/clean/waiting'])
      expect((await look(`/admin/board/api/${path}`, 'PUT')).status, path).toBe(405);
    expect((await look('/admin/board/api/queues/parsing/add', 'POST')).status).toBe(405);
    expect((await look<Queues>(QUEUES)).body.queues[0]?.counts).toMatchObject({ waiting: 1 });
  });

  it('says 503 while Redis is away, and nothing else of the API changes', async () => {
    const { api, look } = await withAdmin({ REDIS_URL: 'redis://127.0.0.1:1' });
    const { status, body } = await look<Problem>(QUEUES);
    expect([status, body.code]).toEqual([503, 'unavailable']);
    expect((await api.call('GET', '/readyz', { key: null })).status).toBe(200);
    const reference = `data:image/jpeg;base64,${(await picture()).toString('base64')}`;
    const created = await api.call('POST', '/v1/generations', { json: { input: { prompt: 'a person', reference_images: [reference] } } });
    expect(created.status).toBe(202);
  });

  describe.runIf(redisServer !== undefined)('on Redis', () => {
    let redis: TestServer;
    afterAll(() => redis.stop());

    it('shows the queues, also after an outage while it was open', async () => {
      redis = await startRedis();
      const { api, look } = await withAdmin({ REDIS_URL: redis.url });
      await add(api, redis.url);
      expect((await look<Queues>(QUEUES)).body.queues[0]?.counts).toMatchObject({ waiting: 1 });
      await redis.kill();
      expect((await look(QUEUES)).status).toBe(503);
      expect((await api.call('GET', '/readyz', { key: null })).status).toBe(200);
      await redis.start();
      await expect.poll(async () => (await look(QUEUES)).status, { timeout: 10_000, interval: 200 }).toBe(200);
    });
  });
});
