/** The guard and the limits on real connections, over loopback. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { freePort } from '../testing/index.ts';
import { createEgress, EgressError, type Egress, type EgressRequest, type Resolver } from './index.ts';

const received: { method: string; url: string; headers: Record<string, unknown>; body: string }[] = [];
let answer: (request: IncomingMessage, response: ServerResponse) => void;
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    received.push({
      method: request.method ?? '',
      url: request.url ?? '',
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
    });
    answer(request, response);
  });
});
let port: number;
let opened: Egress[] = [];
beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  port = (server.address() as AddressInfo).port;
});
afterEach(async () => {
  await Promise.all(opened.map((egress) => egress.close()));
  opened = [];
  received.length = 0;
});
afterAll(
  () =>
    new Promise<void>((done) => {
      server.close(() => done());
      server.closeAllConnections();
    }),
);

const open = (resolve?: Resolver): Egress => {
  const config = { EGRESS_ALLOW_CIDRS: [], EGRESS_ALLOW_ADDRESSES: [`127.0.0.1:${port}`], EGRESS_ALLOW_PORTS: [] };
  const egress = createEgress(config, resolve === undefined ? {} : { resolve });
  opened.push(egress);
  return egress;
};
const limits = { timeoutMs: 2_000, maxBytes: 1_000, blockedCode: 'webhook_url_blocked' } as const satisfies EgressRequest;

it('sends what it is told and gives back status, headers and body', async () => {
  answer = (_request, response) => response.writeHead(201, { 'x-one': '1', 'set-cookie': ['a', 'b'] }).end('done');
  const response = await open().fetch(`http://127.0.0.1:${port}/hook?x=1`, {
    ...limits,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"a":1}',
  });
  expect(response).toMatchObject({ status: 201, headers: { 'x-one': '1', 'set-cookie': 'a, b' }, truncated: false });
  expect(Buffer.from(response.body).toString()).toBe('done');
  expect(received).toMatchObject([
    { method: 'POST', url: '/hook?x=1', body: '{"a":1}', headers: { 'content-type': 'application/json', 'user-agent': 'Likeness' } },
  ]);
});

it('does not follow a redirect', async () => {
  answer = (_request, response) => response.writeHead(302, { location: 'http://169.254.169.254/' }).end();
  expect(await open().fetch(`http://127.0.0.1:${port}/`, limits)).toMatchObject({
    status: 302,
    headers: { location: 'http://169.254.169.254/' },
  });
  expect(received).toHaveLength(1);
});

it('reads no more of the body than it may', async () => {
  answer = (_request, response) => {
    const chunk = Buffer.alloc(600, 'x');
    const write = () => {
      if (!response.destroyed) response.write(chunk, () => setImmediate(write));
    };
    write();
  };
  const response = await open().fetch(`http://127.0.0.1:${port}/`, limits);
  expect(response.truncated).toBe(true);
  expect(response.body.length).toBe(1_000);
});

it('calls a body of exactly the limit whole', async () => {
  answer = (_request, response) => response.end(Buffer.alloc(1_000));
  expect(await open().fetch(`http://127.0.0.1:${port}/`, limits)).toMatchObject({ truncated: false });
});

it.each<[string, Resolver | undefined, typeof answer]>([
  ['a name that is never resolved', () => new Promise(() => undefined), () => undefined],
  ['headers that never come', undefined, () => undefined],
  [
    'a body that never ends',
    undefined,
    (_request, response) => {
      response.write('x');
      setInterval(() => response.write('x'), 50).unref();
    },
  ],
])('one time limit holds for everything: %s', async (_what, resolve, respond) => {
  answer = respond;
  const host = resolve ? 'slow.example' : '127.0.0.1';
  const asked = Date.now();
  const call = open(resolve).fetch(`http://${host}:${port}/?token=secret`, { ...limits, timeoutMs: 300 });
  await expect(call).rejects.toMatchObject({
    name: 'EgressError',
    timedOut: true,
    message: `http://${host}:${port}/ did not answer within 0.3 s.`,
  });
  expect(Date.now() - asked).toBeLessThan(1_000);
});

it('says why there was no answer, without the secrets of the URL', async () => {
  const closed = await freePort();
  const egress = createEgress({ EGRESS_ALLOW_CIDRS: ['127.0.0.0/8'], EGRESS_ALLOW_ADDRESSES: [], EGRESS_ALLOW_PORTS: [] });
  opened.push(egress);
  await expect(egress.fetch(`http://127.0.0.1:${closed}/hook?token=secret`, limits)).rejects.toThrow(
    new EgressError(`http://127.0.0.1:${closed}/hook could not be reached: connect ECONNREFUSED 127.0.0.1:${closed}.`),
  );
  answer = (_request, response) => response.destroy();
  await expect(open().fetch(`http://127.0.0.1:${port}/`, limits)).rejects.toThrow('could not be reached: other side closed');
  await expect(open().fetch(`https://127.0.0.1:${port}/`, limits)).rejects.toThrow('could not be reached');
});

it('connects to the address that was judged, though the name answers differently a moment later', async () => {
  answer = (_request, response) => response.end('reached');
  let questions = 0;
  const rebinding: Resolver = async () => (questions++ === 0 ? ['127.0.0.1'] : ['127.0.0.2']);
  const response = await open(rebinding).fetch(`http://rebinding.example:${port}/`, limits);
  expect(Buffer.from(response.body).toString()).toBe('reached');
  expect(questions).toBe(1);
});

it('judges at every connection, not once per name', async () => {
  answer = (_request, response) => response.writeHead(200, { connection: 'close' }).end();
  let address = '127.0.0.1';
  const egress = open(async () => [address]);
  const call = () => egress.fetch(`http://rebinding.example:${port}/`, limits);
  expect((await call()).status).toBe(200);
  await sleep(20);
  address = '127.0.0.2';
  await expect(call()).rejects.toMatchObject({
    code: 'webhook_url_blocked',
    message: `http://rebinding.example:${port}/ leads to 127.0.0.2, which is loopback.`,
  });
  expect(received).toHaveLength(1);
});

it('refuses a name with one bad address among good ones, and one with none', async () => {
  await expect(open(async () => ['127.0.0.1', '127.0.0.2']).fetch(`http://mixed.example:${port}/`, limits)).rejects.toMatchObject({
    code: 'webhook_url_blocked',
  });
  await expect(open(async () => []).fetch(`http://empty.example:${port}/`, limits)).rejects.toThrow('leads to no address');
  expect(received).toHaveLength(0);
});
