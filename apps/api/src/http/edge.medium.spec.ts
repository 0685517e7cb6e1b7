import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Problem, type Generation } from '@likeness/contracts';
import { exec, sql } from '@likeness/platform/db';
import { useApi } from '../testing/api.ts';

const api = useApi();
const json = { input: { reference_images: ['https://93.184.215.14/a.jpg'], prompt: 'a person' } };

/** Sends bytes on a bare connection and gives everything that came back until it was closed. */
async function raw(write: (socket: Socket) => void | Promise<void>): Promise<string> {
  const { hostname, port } = new URL(api().url);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
  const closed = once(socket, 'close');
  await once(socket, 'connect');
  await write(socket);
  await closed;
  return answer;
}

describe('every refusal is a problem document with a request id', () => {
  const call = (method: string, path: string, options: Parameters<ReturnType<typeof api>['call']>[2] = {}) =>
    api().call<Problem>(method, path, options);

  it.each<[string, () => ReturnType<typeof call>, number, string, RegExp]>([
    ['an unknown path', () => call('GET', '/v1/nothing'), 404, 'not_found', /\/v1\/nothing/],
    ['the root', () => call('GET', '/'), 404, 'not_found', /\//],
    ['a path that cannot be decoded', () => call('GET', '/v1/generations/%zz'), 400, 'malformed_request', /%zz/],
    ['a wrong method', () => call('PUT', '/v1/generations', { json }), 405, 'method_not_allowed', /GET, HEAD, POST/],
    ['a wrong method on an id', () => call('PATCH', '/v1/generations/gen_x'), 405, 'method_not_allowed', /DELETE, GET, HEAD/],
    [
      'JSON that is cut',
      () => call('POST', '/v1/generations', { body: '{"input":', headers: { 'content-type': 'application/json' } }),
      400,
      'malformed_request',
      /JSON/,
    ],
    [
      'JSON that is none',
      () => call('POST', '/v1/generations', { body: 'hello', headers: { 'content-type': 'application/json' } }),
      400,
      'malformed_request',
      /JSON/,
    ],
    [
      'a poisoned prototype',
      () => call('POST', '/v1/generations', { body: '{"__proto__": {"a": 1}}', headers: { 'content-type': 'application/json' } }),
      400,
      'malformed_request',
      /JSON/,
    ],
    [
      'an empty body',
      () => call('POST', '/v1/generations', { body: '', headers: { 'content-type': 'application/json' } }),
      422,
      'validation_failed',
      /required/,
    ],
    [
      'a wrong content type',
      () => call('POST', '/v1/generations', { body: 'a=1', headers: { 'content-type': 'text/plain' } }),
      415,
      'unsupported_media_type',
      /text\/plain/,
    ],
    ['no content type', () => call('POST', '/v1/generations'), 415, 'unsupported_media_type', /No Content-Type/],
    [
      'a packed body',
      () => call('POST', '/v1/generations', { body: '{}', headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' } }),
      415,
      'unsupported_media_type',
      /gzip/,
    ],
    [
      'a form without boundary',
      () => call('POST', '/v1/uploads', { body: 'x', headers: { 'content-type': 'multipart/form-data' } }),
      400,
      'malformed_request',
      /oundary/,
    ],
    [
      'a form that is cut',
      () =>
        call('POST', '/v1/uploads', {
          body: '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc',
          headers: { 'content-type': 'multipart/form-data; boundary=b' },
        }),
      400,
      'malformed_request',
      /./,
    ],
    [
      'an Accept that nothing meets',
      () => call('GET', '/v1/generations', { headers: { accept: 'text/csv, image/*' } }),
      406,
      'not_acceptable',
      /text\/csv/,
    ],
    [
      'an Accept that rules JSON out',
      () => call('GET', '/v1/queue', { headers: { accept: 'application/json;q=0' } }),
      406,
      'not_acceptable',
      /q=0/,
    ],
    ['no key', () => call('GET', '/v1/generations', { key: null }), 401, 'unauthenticated', /Authorization/],
    [
      'another scheme',
      () => call('GET', '/v1/generations', { key: null, headers: { authorization: 'Basic YTpi' } }),
      401,
      'unauthenticated',
      /Bearer/,
    ],
    ['a key that is none', () => call('GET', '/v1/generations', { key: 'secret' }), 401, 'unauthenticated', /Bearer lk_/],
    [
      'an unknown key',
      () => call('GET', '/v1/generations', { key: `lk_${'0'.repeat(26)}_${'a'.repeat(43)}` }),
      401,
      'unauthenticated',
      /unknown/,
    ],
  ])('%s', async (_name, send, status, code, detail) => {
    const answer = await send();
    expect(answer.status, JSON.stringify(answer.body)).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    const problem = Problem.parse(answer.body);
    expect(problem).toEqual(answer.body);
    expect(problem).toMatchObject({
      status,
      code,
      request_id: answer.headers.get('x-request-id'),
      type: `${api().url}/docs/errors#${code}`,
    });
    expect(problem.detail).toMatch(detail);
    if (status === 405) expect(answer.headers.get('allow')).toMatch(detail);
    if (status === 401) expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
  });

  it('also for what is no HTTP at all', async () => {
    const [head = '', body = ''] = (await raw((socket) => void socket.write('NONSENSE\r\n\r\n'))).split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    const problem = Problem.parse(JSON.parse(body));
    expect(problem.code).toBe('malformed_request');
    expect(head).toContain(`X-Request-Id: ${problem.request_id}`);
  });

  it('and an error inside tells nothing of itself', async () => {
    const { id } = (await api().call<Generation>('POST', '/v1/generations', { json })).body;
    await exec(api().db, sql`UPDATE generation SET metadata = '[1]' WHERE id = ${id}`); // no row this service writes
    const { status, body } = await api().call<Problem>('GET', `/v1/generations/${id}`);
    expect([status, body.code, body.detail]).toEqual([500, 'internal', 'The request could not be completed.']);
    expect(JSON.stringify(body)).not.toMatch(/ at |[Zz]od|metadata/);
    await exec(api().db, sql`DELETE FROM generation WHERE id = ${id}`);
  });
});

describe('X-Request-Id', () => {
  it('is ours, or the client’s where it is sane', async () => {
    const idFor = async (given?: string) =>
      (await api().call('GET', '/healthz', given === undefined ? {} : { headers: { 'x-request-id': given } })).headers.get('x-request-id');
    expect(await idFor()).toMatch(/^req_[0-9a-z]{26}$/);
    expect(await idFor('order-17.a:b_c')).toBe('order-17.a:b_c');
    expect(await idFor('two words')).toMatch(/^req_/);
    expect(await idFor('x'.repeat(129))).toMatch(/^req_/);
  });
});

describe('keys', () => {
  it('open what their scopes say', async () => {
    const { key: reader } = await api().newKey(api().tenant.id, ['generations:read']);
    expect((await api().call('GET', '/v1/generations', { key: reader })).status).toBe(200);
    const refused = await api().call<Problem>('POST', '/v1/generations', { json, key: reader });
    expect([refused.status, refused.body.code]).toEqual([403, 'insufficient_scope']);
    expect(refused.body.detail).toBe('This needs the scope generations:write; the key has generations:read.');
    const { key: admin } = await api().newKey(api().tenant.id, ['admin']);
    expect((await api().call('POST', '/v1/generations', { json, key: admin })).status).toBe(202);
  });

  it('stop at their time, and within 5 s of being revoked', async () => {
    const { key: old } = await api().newKey(api().tenant.id, ['generations:read'], new Date(Date.now() - 1000));
    expect((await api().call<Problem>('GET', '/v1/generations', { key: old })).body.detail).toMatch(/expired at/);
    const { id, key } = await api().newKey(api().tenant.id, ['generations:read']);
    expect((await api().call('GET', '/v1/generations', { key })).status).toBe(200);
    await exec(api().db, sql`UPDATE api_key SET revoked_at = now() WHERE id = ${id}`);
    await sleep(4_900);
    expect((await api().call('GET', '/v1/generations', { key })).status).toBe(401);
  });

  it('are known by id and secret together', async () => {
    const { key } = await api().newKey(api().tenant.id, ['generations:read']);
    expect((await api().call('GET', '/v1/generations', { key: key.slice(0, -1) + (key.endsWith('A') ? 'B' : 'A') })).status).toBe(401);
  });
});

describe('the rate limit', () => {
  it('counts down in every answer and refuses with Retry-After', async () => {
    const { key } = await api().newTenant({ ratePerMinute: 3 });
    const send = () => api().call<Problem>('GET', '/v1/generations', { key });
    const left = [await send(), await send(), await send()].map(({ headers }) => headers.get('ratelimit'));
    expect(left.map((text) => text?.replace(/t=\d+/, 't=?'))).toEqual(['"default";r=2;t=?', '"default";r=1;t=?', '"default";r=0;t=?']);
    const { status, body, headers } = await send();
    expect([status, body.code]).toEqual([429, 'rate_limited']);
    expect(headers.get('ratelimit-policy')).toBe('"default";q=3;w=60');
    expect(headers.get('ratelimit')).toMatch(/^"default";r=0;t=\d+$/);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(50);
  });

  it('does not hold for admins', async () => {
    const tenant = await api().newTenant({ ratePerMinute: 1 });
    const { key } = await api().newKey(tenant.id, ['admin']);
    for (let i = 0; i < 4; i++) {
      const { status, headers } = await api().call('GET', '/v1/generations', { key });
      expect([status, headers.get('ratelimit')]).toEqual([200, null]);
    }
  });
});

describe('a body that is too large', () => {
  const MB = 1_000_000;
  const head = (headers: string) =>
    `POST /v1/generations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api().tenant.key}\r\nContent-Type: application/json\r\n${headers}\r\n\r\n`;
  const problemIn = (answer: string) => Problem.parse(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)));

  it('is refused by its announced length, before it is sent', async () => {
    const start = performance.now();
    const answer = await raw((socket) => void socket.write(head(`Content-Length: ${100 * MB}\r\nExpect: 100-continue`)));
    expect(answer).toMatch(/^HTTP\/1\.1 413 /); // and no 100 Continue before it
    expect(problemIn(answer)).toMatchObject({
      code: 'payload_too_large',
      detail: 'The body has 100000000 bytes; at most 30000000 are read.',
    });
    expect(performance.now() - start).toBeLessThan(4000);
  });

  it('is refused while it is being sent, and the answer arrives', async () => {
    const answer = await raw(async (socket) => {
      socket.write(head(`Content-Length: ${100 * MB}`));
      for (let sent = 0; sent < 100 && socket.writable; sent++) {
        socket.write(Buffer.alloc(MB, 0x20));
        await sleep(1);
      }
    });
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer.toLowerCase()).toContain('connection: close');
    expect(problemIn(answer).code).toBe('payload_too_large');
  });

  it('of unknown length is refused where it passes the limit', async () => {
    let sent = 0;
    const answer = await raw(async (socket) => {
      socket.write(head('Transfer-Encoding: chunked'));
      for (; sent < 100 && socket.writable; sent++) {
        socket.write(`${MB.toString(16)}\r\n${' '.repeat(MB)}\r\n`);
        await sleep(5);
      }
    });
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(sent).toBeLessThan(100);
  });

  it('leaves the service as it was', async () => {
    expect((await api().call('POST', '/v1/generations', { json })).status).toBe(202);
  });
});

describe('routes without a key', () => {
  it('tell of life and readiness', async () => {
    for (const path of ['/healthz', '/readyz']) {
      const { status, body } = await api().call('GET', path, { key: null });
      expect([status, body]).toEqual([200, { status: 'ok' }]);
    }
  });

  it('show the documentation without internet', async () => {
    const page = await api().call<string>('GET', '/docs', { key: null });
    expect(page.headers.get('content-type')).toMatch(/^text\/html/);
    const assets = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url = '']) => url);
    expect(assets).toHaveLength(3);
    for (const asset of assets) {
      expect(asset.startsWith('/docs/')).toBe(true);
      expect((await fetch(api().url + asset)).status, asset).toBe(200);
    }
    expect((await api().call('GET', '/docs/package.json', { key: null })).status).toBe(404);
    expect((await api().call<string>('GET', '/docs/errors', { key: null })).body).toContain('## queue_full');
    expect((await api().call<{ openapi: string }>('GET', '/openapi.json', { key: null })).body.openapi).toBe('3.1.0');
  });

  it('give the queue and the metrics to this machine, and with a key', async () => {
    for (const key of [null, api().tenant.key]) {
      const queue = await api().call<Record<string, Record<string, number>>>('GET', '/v1/queue', { key });
      expect(Object.keys(queue.body)).toEqual(['parsing', 'embedding', 'diffusion']);
      expect((await api().call<string>('GET', '/metrics', { key })).body).toMatch(/event_loop_delay_p99_ms\{app="api"\}/);
    }
    const proxied = await api().call<Problem>('GET', '/v1/queue', { key: null, headers: { 'x-forwarded-for': '203.0.113.9' } });
    expect([proxied.status, proxied.body.code]).toEqual([401, 'unauthenticated']);
    expect((await api().call('GET', '/v1/queue', { key: 'lk_x' })).status).toBe(401);
  });

  it('count demand, and slots of live workers only', async () => {
    const read = async () =>
      (await api().call<Record<string, Record<string, number>>>('GET', '/v1/queue', { key: null })).body['parsing'] ?? {};
    const before = await read();
    await api().call('POST', '/v1/generations', { json });
    const worker = (id: string, state: string, age: string) =>
      exec(
        api().db,
        sql`INSERT INTO worker (id, class, slots, host, pid, state, seen_at) VALUES (${id}, 'parsing', 2, 'h', 1, ${state}, now() - ${age}::interval)`,
      );
    await worker('wrk_1', 'idle', '1 second');
    await worker('wrk_2', 'busy', '1 second');
    await worker('wrk_3', 'starting', '1 second');
    await worker('wrk_4', 'idle', '1 minute');
    const after = await read();
    expect(after).toMatchObject({ demand: (before['demand'] ?? 0) + 1, queued: (before['queued'] ?? 0) + 1, processing: 0, slots: 4 });
    expect(after['oldest_seconds']).toBeGreaterThan(0);
  });
});
