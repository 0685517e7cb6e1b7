/** Against a server that answers as Kubernetes' API does. */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@likeness/platform/telemetry';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { PodDeletionCost, type Pod } from './pod-deletion-cost.ts';

interface Seen {
  readonly request: string;
  readonly type: string | undefined;
  readonly key: string | undefined;
  readonly body: unknown;
}
const seen: Seen[] = [];
let status: number;
let server: Server;
let pod: Pod;

beforeAll(async () => {
  server = createServer((request, response) => {
    void (async () => {
      const body = (await request.toArray()).join('');
      const { 'content-type': type, authorization: key } = request.headers;
      seen.push({ request: `${request.method} ${request.url}`, type, key, body: JSON.parse(body) });
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
    })();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const account = await mkdtemp(join(tmpdir(), 'likeness-account-'));
  await writeFile(join(account, 'token'), 'token-of-the-pod\n');
  await writeFile(join(account, 'ca.crt'), '');
  pod = { name: 'worker-7', namespace: 'shop', server: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), account };
});
beforeEach(() => {
  seen.splice(0);
  status = 200;
});
afterAll(async () => {
  server.close();
  await rm(pod.account!, { recursive: true });
});

const costs = () =>
  seen.map(
    ({ body }) =>
      (body as { metadata: { annotations: Record<string, string> } }).metadata.annotations['controller.kubernetes.io/pod-deletion-cost'],
  );
const open = () => {
  const logged: string[] = [];
  return { cost: new PodDeletionCost(pod, createLogger('test', 'warn', { write: (line) => void logged.push(line) }), 20), logged };
};

it('tells Kubernetes how many stages are at work, once things have settled', async () => {
  const { cost } = open();
  cost.change(1);
  cost.change(1);
  await vi.waitUntil(() => seen.length === 1);
  expect(seen[0]).toMatchObject({
    request: 'PATCH /api/v1/namespaces/shop/pods/worker-7',
    type: 'application/merge-patch+json',
    key: 'Bearer token-of-the-pod',
  });
  cost.change(-1);
  cost.change(-1);
  await vi.waitUntil(() => seen.length === 2);
  cost.change(1);
  cost.change(-1); // over before it was told
  await new Promise((done) => setTimeout(done, 60));
  expect(costs()).toEqual(['2', '0']);
});

it('goes on when it is refused, says so, and tells it with the next change', async () => {
  const { cost, logged } = open();
  status = 403;
  cost.change(1);
  await vi.waitUntil(() => logged.length > 0);
  expect(logged[0]).toContain('Kubernetes answered 403');
  status = 200;
  cost.change(1);
  await vi.waitUntil(() => seen.length === 2);
  expect(costs()).toEqual(['1', '2']);
});
