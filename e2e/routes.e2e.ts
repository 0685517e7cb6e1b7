/** Every operation of the API against the running system, in both profiles: what it answers is what the document says. */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  WORKER_CLASSES,
  type Account,
  type ApiKeyList,
  type Batch,
  type BatchItemList,
  type DeadLetterList,
  type DefaultSecret,
  type Erasure,
  type Estimate,
  type Generation,
  type GenerationList,
  type Limits,
  type Model,
  type ModelPage,
  type ModelVersion,
  type ModelVersionPage,
  type NewApiKey,
  type Prediction,
  type PredictionPage,
  type Preset,
  type QueueState,
  type Redriven,
  type ReplicateFile,
  type ReplicateFilePage,
  type Subject,
  type SubjectList,
  type Tenant,
  type TenantList,
  type Upload,
  type Usage,
  type WebhookDelivery,
  type WebhookDeliveryList,
  type WebhookEndpoint,
  type WebhookEndpointList,
  type WebhookEndpointWithSecret,
  type WorkerClassList,
  type WorkerList,
} from '@likeness/contracts';
import { exec, openDb, sql } from '@likeness/platform/db';
import { hasS3, redisServer, startRedis, startS3, type TestServer } from '@likeness/platform/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import type { StackOptions } from '../tools/stack/stack.ts';
import { DocumentedApi, type Ask } from './documented-api.ts';
import { useStack } from './stack.ts';

/** A shop's endpoint, which is down for as long as a test says so. */
let down = false;
let calls = 0;
const shop = createServer((request, response) => {
  calls++;
  request.resume().on('end', () => response.writeHead(down ? 500 : 204).end());
});
let hook = '';
beforeAll(async () => {
  await new Promise<void>((done) => shop.listen(0, '127.0.0.1', done));
  hook = `http://127.0.0.1:${(shop.address() as AddressInfo).port}/webhooks`;
});
afterAll(() => new Promise((done) => shop.close(done)));

const servers: TestServer[] = [];
afterAll(() => Promise.all(servers.map((one) => one.stop())));
const distributed = async (): Promise<Partial<StackOptions>> => {
  servers.push(await startRedis(), await startS3('likeness-e2e-routes'));
  return { redisUrl: servers[0]?.url, s3Url: servers[1]?.url };
};

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const ids = ({ data }: { data: readonly { id: string }[] }): string[] => data.map(({ id }) => id);

describe.each([
  ['embedded', true, async (): Promise<Partial<StackOptions>> => ({})],
  ['distributed', redisServer !== undefined && hasS3, distributed],
] as const)('in the %s profile', (_profile, possible, prepare) => {
  describe.runIf(possible)('the operations of', () => {
    const fixture = useStack({ pack: 'noop', allowPrivateNetworks: '127.0.0.1/32' }, prepare);
    let api: DocumentedApi;
    let admin: Ask;
    beforeAll(async () => {
      const { url, api_key, admin_key } = fixture().stack.connection();
      api = await DocumentedApi.open(url, api_key);
      admin = { key: admin_key };
    });
    /** The body of a successful answer. */
    const call = async <T>(status: number, method: string, target: string, ask?: Ask): Promise<T> =>
      (await api.call<T>(status, method, target, ask)).body;
    const photo = () => Buffer.from(fixture().photo);
    const picture = () => new Blob([new Uint8Array(photo())], { type: 'image/jpeg' });
    const dataUri = () => `data:image/jpeg;base64,${photo().toString('base64')}`;
    const form = (parts: Readonly<Record<string, Blob | string>>): FormData => {
      const made = new FormData();
      for (const [name, value] of Object.entries(parts)) made.append(name, value);
      return made;
    };
    const input = (more: object = {}) => ({ reference_images: [dataUri()], prompt: 'a person', ...more });
    const create = (more: object = {}) => call<Generation>(202, 'POST', '/v1/generations', { body: { input: input(more) } });
    const get = (id: string) => call<Generation>(200, 'GET', `/v1/generations/${id}?wait=5`);
    const untilStatus = async (id: string, status: string): Promise<Generation> => {
      await expect.poll(async () => (await get(id)).status, { timeout: 60_000 }).toBe(status);
      return get(id);
    };

    it('the service itself', async () => {
      const open: Ask = { key: null };
      expect(await call(200, 'GET', '/healthz', open)).toEqual({ status: 'ok' });
      expect(await call(200, 'GET', '/readyz', open)).toEqual({ status: 'ok' });
      expect(await call(200, 'GET', '/openapi.json', open)).toMatchObject({ openapi: '3.1.0', servers: [{ url: api.url }] });
      expect(await call(200, 'GET', '/docs/errors', open)).toContain('validation_failed');
      const page = await call<string>(200, 'GET', '/docs', open);
      const assets = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path ?? '');
      expect(assets).toHaveLength(3);
      for (const path of assets) expect((await fetch(api.url + path)).status, path).toBe(200);
    });

    it('uploads: declared and put by the link, or sent along', async () => {
      const declared = { filename: 'photo.jpg', content_type: 'image/jpeg', size: photo().length, sha256: sha256(photo()) };
      const { id, status, upload } = await call<Upload>(201, 'POST', '/v1/uploads', { body: declared });
      expect([status, upload?.method]).toEqual(['pending', 'PUT']);
      const put = await call<Upload>(200, 'PUT', upload?.url ?? '', { key: null, body: fixture().photo, headers: upload?.headers ?? {} });
      expect(put).toMatchObject({ id, status: 'ready', size: photo().length });
      const sent = await call<Upload>(201, 'POST', '/v1/uploads', { body: form({ file: picture() }) });
      expect(sent).toMatchObject({ status: 'ready', sha256: declared.sha256 });
    });

    it('generations: asked for, followed, fetched, repeated and removed', async () => {
      const estimate = await call<Estimate>(200, 'POST', '/v1/generations/estimate', { body: { input: input({ num_images: 2 }) } });
      expect(estimate).toMatchObject({ images: 2, queue_position: 1 });
      const { id, urls } = await create({ num_images: 2 });
      const events = await call<string>(200, 'GET', urls.events, { headers: { 'last-event-id': '0' } });
      expect(events).toMatch(/event: status\n(?:.*\n)+event: completed\ndata: .*"status":"succeeded"/);
      expect(await call(204, 'GET', `${urls.events}?last_event_id=999`)).toBeUndefined();
      const { headers, body: done } = await api.call<Generation>(200, 'GET', urls.get);
      expect(await call(304, 'GET', urls.get, { headers: { 'if-none-match': headers.get('etag') ?? '' } })).toBeUndefined();
      const listed = await call<GenerationList>(200, 'GET', '/v1/generations?status=succeeded');
      expect(ids(listed)).toContain(id);

      const [artifact, ...others] = done.output ?? [];
      expect(others).toHaveLength(1);
      const link = artifact?.url ?? '';
      const bytes = await call<Buffer>(200, 'GET', link, { key: null });
      expect(sha256(bytes)).toBe(artifact?.sha256);
      expect(await call(206, 'GET', link, { key: null, headers: { range: 'bytes=1-3' } })).toEqual(Buffer.from('PNG'));

      const again = await call<Generation>(202, 'POST', `/v1/generations/${id}/retry`);
      expect(again).toMatchObject({ retry_of: id, input: { seed: done.input?.seed } });
      await untilStatus(again.id, 'succeeded');
      expect(await call<Generation>(202, 'DELETE', `/v1/generations/${id}`)).toMatchObject({ id });
      await expect.poll(async () => (await get(id)).data_removed).toBe(true);
      expect(await call(204, 'DELETE', `/v1/generations/${id}`)).toBeUndefined();
    });

    it('generations: of a form, waited for', async () => {
      const parts = { image: picture(), request: JSON.stringify({ input: { prompt: 'a person' } }) };
      const ask = { body: form(parts), headers: { prefer: 'wait=60' } };
      const { headers, body } = await api.call<Generation>(200, 'POST', '/v1/generations', ask);
      expect([headers.get('preference-applied'), body.status]).toEqual(['wait=60', 'succeeded']);
    });

    it('generations: looked at on the way, and canceled', async () => {
      const { id } = await create({ pack: 'sketch', steps: 100, num_images: 8 });
      const preview = async () => {
        const url = (await call<Generation>(200, 'GET', `/v1/generations/${id}`)).progress?.preview_url ?? '';
        return (await call<Buffer>(200, 'GET', url, { key: null })).subarray(0, 3).toString('hex');
      };
      await expect.poll(preview, { timeout: 60_000 }).toBe('ffd8ff'); // a JPEG
      expect(await call<Generation>(202, 'POST', `/v1/generations/${id}/cancel`)).toMatchObject({
        cancel_requested_at: expect.any(String) as string,
      });
      expect((await untilStatus(id, 'canceled')).output).toBeNull();
      await call(200, 'POST', `/v1/generations/${id}/cancel`);
    });

    it('presets', async () => {
      const body = { name: 'in-the-rain', category: 'background', input: { prompt: '{subject} in the rain', seed: 5 } };
      expect(await call<Preset>(201, 'POST', '/v1/presets', { body })).toMatchObject({ ...body, version: 1 });
      const shipped = await call<{ data: Preset[] }>(200, 'GET', '/v1/presets?category=background');
      expect(shipped.data.map(({ name }) => name)).toEqual(expect.arrayContaining(['in-the-rain', 'snow']));
      expect(await call<Preset>(200, 'GET', '/v1/presets/in-the-rain@1')).toMatchObject(body);
    });

    it('batches', async () => {
      const items = ['red-hat', 'snow', 'nothing-of-ours'].map((preset) => ({ custom_id: preset, input: { preset } }));
      const body = { items, defaults: { input: { reference_images: [dataUri()] } } };
      const batch = await call<Batch>(202, 'POST', '/v1/batches', { body });
      expect(batch.counts).toMatchObject({ total: 3, accepted: 2, rejected: 1 });
      await expect.poll(async () => (await call<Batch>(200, 'GET', batch.urls.get)).status).toBe('completed');
      expect(ids(await call(200, 'GET', '/v1/batches'))).toContain(batch.id);
      const made = await call<z.infer<typeof BatchItemList>>(200, 'GET', batch.urls.items);
      expect(made.data.map(({ custom_id, status }) => [custom_id, status])).toEqual([
        ['red-hat', 'succeeded'],
        ['snow', 'succeeded'],
        ['nothing-of-ours', 'rejected'],
      ]);
      expect(await call<Batch>(200, 'POST', batch.urls.cancel)).toMatchObject({ counts: { succeeded: 2, canceled: 0 } });
    });

    it('subjects and their erasure', async () => {
      const consent = { basis: 'consent', obtained_at: '2026-11-01T10:00:00Z', policy_version: '3' };
      const parts = { image: picture(), request: JSON.stringify({ external_id: 'customer 17', consent }) };
      const { id } = await call<Subject>(201, 'POST', '/v1/subjects', { body: form(parts) });
      expect(ids(await call<SubjectList>(200, 'GET', '/v1/subjects?external_id=customer%2017'))).toEqual([id]);
      expect(await call<Subject>(200, 'GET', `/v1/subjects/${id}`)).toMatchObject({
        consent,
        reference_images: [{ sha256: sha256(photo()) }],
      });
      const body = { input: { subject: id, prompt: 'a person' } };
      const generation = await call<Generation>(202, 'POST', '/v1/generations', { body });
      await untilStatus(generation.id, 'succeeded');
      const { erasure_id } = await call<{ erasure_id: string }>(202, 'DELETE', `/v1/subjects/${id}`);
      const receipt = () => call<Erasure>(200, 'GET', `/v1/erasures/${erasure_id}`);
      await expect.poll(async () => (await receipt()).status, { timeout: 60_000 }).toBe('completed');
      expect(await receipt()).toMatchObject({ subject: id, removed: { generations: 1 }, data_key_destroyed: true });
    });

    it('webhook endpoints and what was delivered to them', async () => {
      const made = { url: hook, events: ['endpoint.test'] };
      const { id, secret } = await call<WebhookEndpointWithSecret>(201, 'POST', '/v1/webhook-endpoints', { body: made });
      const endpoint = `/v1/webhook-endpoints/${id}`;
      const log = async (status: string) => (await call<WebhookDeliveryList>(200, 'GET', `${endpoint}/deliveries?status=${status}`)).data;
      expect(ids(await call<WebhookEndpointList>(200, 'GET', '/v1/webhook-endpoints'))).toEqual([id]);
      const changed = await call<WebhookEndpoint>(200, 'PATCH', endpoint, { body: { description: 'orders' } });
      expect(await call<WebhookEndpoint>(200, 'GET', endpoint)).toEqual(changed);
      const rotated = await call<WebhookEndpointWithSecret>(200, 'POST', `${endpoint}/rotate-secret`, { body: { overlap_seconds: 60 } });
      expect(rotated.secret).toMatch(/^whsec_/);
      expect(rotated.secret).not.toBe(secret);
      const since = new Date(Date.now() - 60_000).toISOString();
      const { delivery_id } = await call<{ delivery_id: string }>(202, 'POST', `${endpoint}/test`);
      await expect.poll(async () => ids({ data: await log('succeeded') })).toEqual([delivery_id]);
      const before = calls;
      expect(await call<WebhookDelivery>(202, 'POST', `/v1/webhook-deliveries/${delivery_id}/replay`)).toMatchObject({ id: delivery_id });
      await expect.poll(() => calls).toBe(before + 1);
      await expect.poll(async () => (await log('succeeded')).length).toBe(1);
      expect(await call(202, 'POST', `${endpoint}/recover`, { body: { since } })).toEqual({ count: 0 }); // none had failed
      expect(await call(204, 'DELETE', endpoint)).toBeUndefined();

      const path = '/v1/webhooks/default/secret';
      const { key } = await call<DefaultSecret>(200, 'GET', path);
      expect(key).toBe(fixture().stack.connection().webhook_secret);
      const next = await call<DefaultSecret>(200, 'POST', `${path}/rotate`, { body: {} });
      expect(next.key).not.toBe(key);
      expect(await call<DefaultSecret>(200, 'GET', path)).toEqual(next);
    });

    it('the Replicate-compatible predictions', async () => {
      const body = { input: { image: dataUri(), prompt: 'a person' } };
      const ask = { body: { ...body, version: 'noop-1' }, headers: { prefer: 'wait=60' } };
      const made = await call<Prediction>(201, 'POST', '/v1/predictions', ask);
      expect(made).toMatchObject({ status: 'succeeded', model: 'likeness/noop', output: [expect.any(String) as string] });
      for (const kind of ['models', 'deployments']) {
        const other = await call<Prediction>(201, 'POST', `/v1/${kind}/likeness/noop/predictions`, {
          body: { input: { ...body.input, prompt: kind } },
        });
        expect(other).toMatchObject({ status: 'starting', input: { prompt: kind } });
        await untilStatus(other.id, 'succeeded');
        expect(await call<string>(200, 'GET', other.urls.stream, { key: null })).toMatch(/event: output\n(?:.*\n)+event: done\ndata: \{\}/);
      }
      expect((await call<Prediction>(200, 'GET', made.urls.get)).output).toHaveLength(1);
      const listed = await call<PredictionPage>(200, 'GET', '/v1/predictions');
      expect(listed.results.map(({ id }) => id)).toContain(made.id);
      expect(await call<Prediction>(200, 'POST', made.urls.cancel)).toMatchObject({ status: 'succeeded' }); // it has ended
    });

    it('the Replicate-compatible files', async () => {
      const body = form({ content: picture(), filename: 'me.jpg', metadata: '{"order":17}' });
      const file = await call<ReplicateFile>(201, 'POST', '/v1/files', { body });
      expect(file).toMatchObject({ name: 'me.jpg', metadata: { order: 17 }, checksums: { sha256: sha256(photo()) } });
      expect(await call<ReplicateFile>(200, 'GET', file.urls.get)).toMatchObject({ id: file.id, size: photo().length });
      const listed = await call<ReplicateFilePage>(200, 'GET', '/v1/files');
      expect(listed.results.map(({ id }) => id)).toContain(file.id);
      expect(sha256(await call<Buffer>(200, 'GET', file.urls.download, { key: null }))).toBe(sha256(photo()));
      expect(await call(204, 'DELETE', `/v1/files/${file.id}`)).toBeUndefined();
    });

    it('the Replicate-compatible account and models', async () => {
      expect(await call<Account>(200, 'GET', '/v1/account')).toMatchObject({ type: 'organization', name: 'default' });
      const { results } = await call<ModelPage>(200, 'GET', '/v1/models');
      expect(results.map(({ name }) => name)).toEqual(expect.arrayContaining(['noop', 'sketch']));
      const found = await call<ModelPage>(200, 'QUERY', '/v1/models', { body: 'moves bytes', headers: { 'content-type': 'text/plain' } });
      expect(found.results.map(({ name }) => name)).toEqual(['noop']);
      const model = await call<Model>(200, 'GET', '/v1/models/likeness/noop');
      const versions = await call<ModelVersionPage>(200, 'GET', '/v1/models/likeness/noop/versions');
      expect(versions.results).toEqual([model.latest_version]);
      expect(await call<ModelVersion>(200, 'GET', '/v1/models/likeness/noop/versions/noop-1')).toEqual(model.latest_version);
    });

    it('the queue, the usage, the limits and the metrics', async () => {
      const queue = await call<QueueState>(200, 'GET', '/v1/queue');
      expect(WORKER_CLASSES.map((name) => queue[name].slots)).toEqual([1, 1, 1]);
      const usage = await call<Usage>(200, 'GET', '/v1/usage?group_by=month');
      expect(usage.total.generations).toMatchObject({ failed: 0, canceled: 1 });
      expect(usage.total.images).toBeGreaterThanOrEqual(usage.total.generations.succeeded);
      expect(await call<Limits>(200, 'GET', '/v1/limits')).toMatchObject({ active: 0, monthly_images: null, images_left: null });

      const metrics = await call<string>(200, 'GET', '/metrics', { key: null });
      for (const name of ['likeness_queue_demand', 'likeness_queue_slots', 'likeness_queue_oldest_seconds'])
        for (const worker of WORKER_CLASSES) expect(metrics).toMatch(new RegExp(`^${name}\\{[^}]*"${worker}"[^}]*\\} \\d`, 'm'));
      expect(metrics).toMatch(/^likeness_outbox_lag_seconds\{[^}]*queue="webhooks"[^}]*\} \d/m);
      const route = /^likeness_http_request_duration_seconds_count\{[^}]*route="\/v1\/generations\/:id\/cancel"[^}]*\} [1-9]/m;
      expect(metrics).toMatch(route);
    });

    it('the administration of tenants and keys', async () => {
      const body = { name: 'a second shop', monthly_images: 100 };
      const { id } = await call<Tenant>(201, 'POST', '/admin/tenants', { ...admin, body });
      const tenant = `/admin/tenants/${id}`;
      expect(ids(await call<TenantList>(200, 'GET', '/admin/tenants', admin))).toContain(id);
      await call<Tenant>(200, 'PATCH', tenant, { ...admin, body: { monthly_images: 7 } });
      expect(await call<Tenant>(200, 'GET', tenant, admin)).toMatchObject({ name: body.name, monthly_images: 7 });

      const wanted = { ...admin, body: { name: 'website', scopes: ['generations:read'] } };
      const made = await call<NewApiKey>(201, 'POST', `${tenant}/keys`, wanted);
      expect(ids(await call<ApiKeyList>(200, 'GET', `${tenant}/keys`, admin))).toEqual([made.id]);
      const rotated = await call<NewApiKey>(200, 'POST', `/admin/keys/${made.id}/rotate`, { ...admin, body: { overlap_seconds: 60 } });
      for (const { key } of [made, rotated])
        expect(await call<Limits>(200, 'GET', '/v1/limits', { key })).toMatchObject({ images_left: 7 });
      expect(await call(204, 'DELETE', `/admin/keys/${made.id}`, admin)).toBeUndefined();
      const revoked = async () => (await fetch(`${api.url}/v1/limits`, { headers: { authorization: `Bearer ${rotated.key}` } })).status;
      await expect.poll(revoked).toBe(401);
      expect(await call<Tenant>(202, 'DELETE', tenant, admin)).toMatchObject({ id, status: 'deleting' });
    });

    it('the administration of workers', async () => {
      const { data: workers } = await call<WorkerList>(200, 'GET', '/admin/workers', admin);
      expect(workers.map((worker) => worker.class)).toEqual([...WORKER_CLASSES].sort());
      const paused = async () => (await call<WorkerClassList>(200, 'GET', '/admin/worker-classes', admin)).data.filter((one) => one.paused);
      await call(200, 'POST', '/admin/worker-classes/parsing/pause', admin);
      expect(await paused()).toMatchObject([{ class: 'parsing', slots: 1 }]);
      const { id } = await create({ prompt: 'a person, later' });
      expect((await call<Generation>(200, 'GET', `/v1/generations/${id}?wait=1`)).status).toBe('queued');
      await call(200, 'POST', '/admin/worker-classes/parsing/resume', admin);
      expect(await paused()).toEqual([]);
      await untilStatus(id, 'succeeded');
      expect(await call<string>(200, 'GET', '/admin/board', admin)).toContain('Likeness');
    });

    it('the administration of what could not be done', async () => {
      down = true;
      const body = { url: hook, events: ['endpoint.test'] };
      const endpoint = await call<WebhookEndpoint>(201, 'POST', '/v1/webhook-endpoints', { body });
      const { delivery_id } = await call<{ delivery_id: string }>(202, 'POST', `/v1/webhook-endpoints/${endpoint.id}/test`);
      const delivery = async () => (await call<WebhookDeliveryList>(200, 'GET', `/v1/webhook-endpoints/${endpoint.id}/deliveries`)).data[0];
      await expect.poll(async () => (await delivery())?.attempts.length).toBe(1);
      const db = openDb(fixture().stack.databaseUrl, { max: 1 });
      // As it is after the last attempt of the schedule, two days later.
      await exec(
        db,
        sql`UPDATE webhook_delivery SET status = 'exhausted', next_attempt_at = NULL, completed_at = now() WHERE id = ${delivery_id}`,
      );
      await db.close();
      const letters = () => call<DeadLetterList>(200, 'GET', '/admin/dead-letters', admin);
      expect((await letters()).data).toMatchObject([{ id: delivery_id, kind: 'webhook_delivery' }]);
      down = false;
      expect(await call<Redriven>(202, 'POST', `/admin/dead-letters/${delivery_id}/redrive`, admin)).toMatchObject({ delivery_id });
      await expect.poll(async () => (await delivery())?.status).toBe('succeeded');
      expect((await letters()).data).toEqual([]);
    });

    it('are all of those that the document has', () => {
      expect(api.performed).toEqual(api.operations);
    });
  });
});
