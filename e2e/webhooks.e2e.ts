/** A shop's webhooks against the running system: who hears of what, with which signature, and what happens to one that does not answer. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { WebhookBody, WebhookDelivery, WebhookDeliveryList, WebhookEndpoint, WebhookEndpointWithSecret } from '@likeness/contracts';
import { hasS3, redisServer, startRedis, startS3, type TestServer } from '@likeness/platform/testing';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StackOptions } from '../tools/stack/stack.ts';
import { useStack } from './stack.ts';

interface Received {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly text: string;
  readonly body: WebhookBody;
}

/** Answers each path with the status that is set for it, 204 else. */
const received: Received[] = [];
const statuses = new Map<string, number>();
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const text = Buffer.concat(chunks).toString('utf8');
    const path = request.url ?? '';
    received.push({ path, text, headers: request.headers as Record<string, string>, body: JSON.parse(text) as WebhookBody });
    response.writeHead(statuses.get(path) ?? 204).end();
  });
});
beforeAll(() => new Promise<void>((done) => server.listen(0, '127.0.0.1', done)));
afterAll(() => new Promise((done) => server.close(done)));

const at = (path: string) => received.filter((request) => request.path === path);
const url = (path: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
const verifies = (secret: string, { text, headers }: Received): boolean => {
  try {
    new Webhook(secret).verify(text, headers);
    return true;
  } catch {
    return false;
  }
};

const servers: TestServer[] = [];
afterAll(() => Promise.all(servers.map((one) => one.stop())));
const distributed = async (): Promise<Partial<StackOptions>> => {
  servers.push(await startRedis(), await startS3('likeness-e2e-webhooks'));
  return { redisUrl: servers[0]?.url, s3Url: servers[1]?.url };
};

describe.each([
  ['embedded', true, async (): Promise<Partial<StackOptions>> => ({})],
  ['distributed', redisServer !== undefined && hasS3, distributed],
] as const)('in the %s profile', (profile, possible, prepare) => {
  describe.runIf(possible)('a shop', () => {
    const fixture = useStack({ pack: 'noop', allowPrivateNetworks: '127.0.0.1/32' }, prepare);
    const path = (name: string) => `/${profile}/${name}`;
    const call = async <T>(method: string, route: string, body?: unknown): Promise<T> => {
      const answer = await fixture().client.call<T>(method, route, body);
      expect(answer.status, `${method} ${route}: ${JSON.stringify(answer.body)}`).toBeLessThan(300);
      return answer.body;
    };
    const endpoint = (name: string, events: string[]) =>
      call<WebhookEndpointWithSecret>('POST', '/v1/webhook-endpoints', { url: url(path(name)), events });
    const log = async (id: string) => (await call<WebhookDeliveryList>('GET', `/v1/webhook-endpoints/${id}/deliveries`)).data;
    const generate = async (rest: Record<string, unknown> = {}) => {
      const { client, photo } = fixture();
      const upload = await client.upload(photo);
      const { id } = await client.create({ reference_images: [upload.id], prompt: 'a person' }, rest);
      return client.untilTerminal(id);
    };

    it('hears of its jobs by their own webhook and by its endpoints, each with its secret and filter', async () => {
      const all = await endpoint('all', ['generation.started', 'generation.completed']);
      const batches = await endpoint('batches', ['batch.completed']);
      const done = await generate({ webhook: url(path('own')), metadata: { order: '17' } });
      await expect.poll(() => [at(path('own')).length, at(path('all')).length]).toEqual([1, 2]);
      const [own] = at(path('own'));
      const completed = at(path('all')).find(({ body }) => body.type === 'generation.completed');
      if (!own || !completed) throw new Error('just counted');
      expect(own.body).toMatchObject({
        type: 'generation.completed',
        data: { id: done.id, status: 'succeeded', metadata: { order: '17' } },
      });
      expect(completed.body).toEqual(own.body);
      const { key } = await call<{ key: string }>('GET', '/v1/webhooks/default/secret');
      expect(key).toBe(fixture().stack.connection().webhook_secret);
      expect([verifies(key, own), verifies(all.secret, own)]).toEqual([true, false]);
      expect([verifies(all.secret, completed), verifies(key, completed)]).toEqual([true, false]);
      const sequences = at(path('all')).map(({ body }) => [body.type, body.data.sequence] as const);
      expect(new Map(sequences).get('generation.started')).toBeLessThan(new Map(sequences).get('generation.completed') ?? 0);
      expect([at(path('batches')), await log(batches.id)]).toEqual([[], []]);
      for (const { id } of [all, batches]) await call('DELETE', `/v1/webhook-endpoints/${id}`);
    });

    it('rotates a secret without losing a delivery', async () => {
      const { id, secret: former } = await endpoint('rotated', ['endpoint.test']);
      const { secret } = await call<WebhookEndpointWithSecret>('POST', `/v1/webhook-endpoints/${id}/rotate-secret`, {
        overlap_seconds: 600,
      });
      await call('POST', `/v1/webhook-endpoints/${id}/test`);
      await expect.poll(() => at(path('rotated')).length).toBe(1);
      for (const one of [secret, former]) expect(at(path('rotated')).map((request) => verifies(one, request))).toEqual([true]);
      await call('POST', `/v1/webhook-endpoints/${id}/rotate-secret`, { overlap_seconds: 0 });
      await call('POST', `/v1/webhook-endpoints/${id}/test`);
      await expect.poll(() => at(path('rotated')).length).toBe(2);
      expect(at(path('rotated')).map((request) => verifies(secret, request))).toEqual([true, false]);
    });

    it('gets a delivery once more when it asks for it, with the same id', async () => {
      const { id } = await endpoint('replayed', ['endpoint.test']);
      statuses.set(path('replayed'), 500);
      const { delivery_id } = await call<{ delivery_id: string }>('POST', `/v1/webhook-endpoints/${id}/test`);
      await expect.poll(async () => (await log(id))[0]?.attempts.length).toBe(1);
      expect((await log(id))[0]).toMatchObject({ id: delivery_id, status: 'pending', attempts: [{ status_code: 500 }] });
      statuses.delete(path('replayed'));
      await call<WebhookDelivery>('POST', `/v1/webhook-deliveries/${delivery_id}/replay`); // does not wait for the 5 s
      await expect.poll(async () => (await log(id))[0]?.status).toBe('succeeded');
      await call<WebhookDelivery>('POST', `/v1/webhook-deliveries/${delivery_id}/replay`);
      await expect.poll(() => at(path('replayed')).length).toBe(3);
      expect(new Set(at(path('replayed')).map(({ headers }) => headers['webhook-id']))).toEqual(new Set([delivery_id]));
      expect(new Set(at(path('replayed')).map(({ text }) => text)).size).toBe(1);
    });

    it('that answers 410 is disabled, its other endpoint hears of it, and what it missed can be recovered', async () => {
      const since = new Date().toISOString();
      const gone = await endpoint('gone', ['generation.completed']);
      await endpoint('watching', ['endpoint.disabled']);
      statuses.set(path('gone'), 410);
      const done = await generate();
      await expect
        .poll(() => at(path('watching')).map(({ body }) => body.data))
        .toMatchObject([{ id: gone.id, disabled_reason: 'receiver_gone' }]);
      const read = () => call<WebhookEndpoint>('GET', `/v1/webhook-endpoints/${gone.id}`);
      expect(await read()).toMatchObject({ status: 'disabled', disabled_reason: 'receiver_gone' });
      await generate();
      expect(await log(gone.id)).toMatchObject([{ status: 'failed' }]); // nothing new
      statuses.delete(path('gone'));
      await call('PATCH', `/v1/webhook-endpoints/${gone.id}`, { status: 'enabled' });
      expect(await call('POST', `/v1/webhook-endpoints/${gone.id}/recover`, { since })).toEqual({ count: 1 });
      await expect.poll(() => at(path('gone')).map(({ body }) => body.data.id)).toEqual([done.id, done.id]);
    });
  });
});
