/** One job as a trace through every process, and what neither spans nor logs may hold of it. */
import { randomBytes, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { startCollector, type Collector } from '@likeness/platform/testing';
import sharp from 'sharp';
import { afterAll, expect, it } from 'vitest';
import { useStack } from './stack.ts';

/** A shop, which keeps the signatures of what it is told. */
const signatures: string[] = [];
const shop = createServer((request, response) => {
  signatures.push(String(request.headers['webhook-signature']));
  request.resume().on('end', () => response.writeHead(204).end());
});
let collector: Collector;
const fixture = useStack({ pack: 'noop', allowPrivateNetworks: '127.0.0.1/32' }, async () => {
  await new Promise<void>((done) => shop.listen(0, '127.0.0.1', done));
  collector = await startCollector();
  return { env: { LOG_LEVEL: 'debug', OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint } };
});
afterAll(async () => {
  await collector.close();
  await new Promise((done) => shop.close(done));
});

it('a job is one trace from the request to its webhook, and nothing secret or personal is in it or in a log', async () => {
  const { client, stack } = fixture();
  const { api_key, webhook_secret } = stack.connection();
  // Noise, so that no other bytes are like it.
  const photo = await sharp(randomBytes(128 * 128 * 3), { raw: { width: 128, height: 128, channels: 3 } })
    .jpeg()
    .toBuffer();
  const dataUri = `data:image/jpeg;base64,${photo.toString('base64')}`;
  const prompt = `a person and ${randomUUID()}`;
  const webhook = `http://127.0.0.1:${(shop.address() as AddressInfo).port}/webhooks`;
  const { id } = await client.create({ reference_images: [dataUri], prompt }, { webhook });
  const done = await client.untilTerminal(id);
  expect(done.status).toBe('succeeded');
  const link = new URL(done.output?.[0]?.url ?? '');
  expect((await fetch(link)).status).toBe(200);
  expect((await fetch(`${link}0`)).status).toBe(404); // a refusal is logged, too
  await expect.poll(() => signatures.length).toBe(1);

  const wanted = ['api', 'parsing-worker', 'embedding-worker', 'diffusion-worker', 'dispatcher'].map((app) => `likeness-${app}`);
  const request = () => collector.spans.find(({ name }) => name === 'POST /v1/generations');
  const services = () => new Set(collector.spans.filter(({ traceId }) => traceId === request()?.traceId).map(({ service }) => service));
  await expect.poll(() => [...services()].sort()).toEqual([...wanted].sort());

  const secrets = {
    'the prompt': prompt,
    'the API key': api_key.slice(-24),
    "the webhooks' secret": webhook_secret.replace('whsec_', ''),
    "a link's signature": link.searchParams.get('signature') ?? '',
    "a webhook's signature": signatures[0]?.replace('v1,', '') ?? '',
    'the picture': photo.toString('base64').slice(200, 264),
  };
  expect(Object.values(secrets).filter((text) => text.length < 16)).toEqual([]);
  const folder = join(stack.directory.path, 'logs');
  const logs = await Promise.all((await readdir(folder)).map(async (file) => [file, await readFile(join(folder, file), 'utf8')] as const));
  expect(logs.map(([file]) => file).sort()).toEqual(wanted.map((name) => `${name.replace('likeness-', '')}.log`).sort());
  expect(logs.find(([file]) => file === 'api.log')?.[1]).toContain('/v1/artifacts/:id');
  const texts = [...logs, ['the spans', JSON.stringify(collector.spans)] as const];
  const found = (needles: Readonly<Record<string, string>>) =>
    Object.entries(needles).flatMap(([what, needle]) =>
      texts.flatMap(([where, text]) => (text.includes(needle) ? [`${what} in ${where}`] : [])),
    );
  expect(found({ 'the id': id })).toContain('the id in the spans'); // so it would be seen
  expect(found(secrets)).toEqual([]);
});
