/** Replicate's own client, unchanged, against the whole system: the package that shops have in their code today. */
import { createServer } from 'node:http';
import type { Prediction } from '@likeness/contracts';
import Replicate, { parseProgressFromLogs, validateWebhook, type FileOutput, type Prediction as Seen } from 'replicate';
import sharp from 'sharp';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { useStack } from './stack.ts';

/** As in production: links begin with https, and the client makes files of them. */
const PUBLIC_URL = 'https://likeness.example';

interface Delivery {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}
const deliveries: Delivery[] = [];
/** A shop: takes webhooks, and has a picture that is none. */
const shop = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    if (request.method === 'POST')
      deliveries.push({ headers: request.headers as Record<string, string>, body: Buffer.concat(chunks).toString('utf8') });
    response.writeHead(200).end('hello');
  });
});
let shopUrl = '';

const fixture = useStack({ env: { PUBLIC_URL } }, async () => {
  await new Promise<void>((done) => shop.listen(0, '127.0.0.1', done));
  const address = `127.0.0.1:${(shop.address() as { port: number }).port}`;
  shopUrl = `http://${address}`;
  return { exemptAddresses: [address] };
});
afterAll(() => shop.close());
beforeEach(() => void (deliveries.length = 0));

/** The client's requests to the public address reach the stack. */
const clientOf = (): Replicate => {
  const { stack } = fixture();
  const reached: typeof fetch = (url, init) => fetch((url as URL | string).toString().replace(PUBLIC_URL, stack.url), init);
  return new Replicate({ baseUrl: `${PUBLIC_URL}/v1`, auth: stack.connection().api_key, fetch: reached });
};
const photo = (): Blob => new Blob([new Uint8Array(fixture().photo)], { type: 'image/jpeg' });
const bytesOf = async (file: FileOutput | undefined): Promise<Buffer> => Buffer.from(await (await file!.blob()).arrayBuffer());
const statuses = (seen: readonly Seen[]): string[] => [...new Set(seen.map(({ status }) => status))];

describe('run', () => {
  it('gives files, which the client reads without a key', async () => {
    const input = { image: photo(), prompt: 'a person in the snow', num_outputs: 2, num_inference_steps: 4, output_format: 'jpg' };
    const output = (await clientOf().run('likeness/sketch', { input })) as FileOutput[];
    expect(output).toHaveLength(2);
    for (const file of output) {
      expect(file.url().href).toMatch(/^https:\/\/likeness\.example\/v1\/artifacts\/art_/);
      const { width, height, format } = await sharp(await bytesOf(file)).metadata();
      expect({ width, height, format }).toEqual({ width: 256, height: 256, format: 'jpeg' });
    }
  });

  it('of a version takes a data: URI and a Buffer', async () => {
    const uri = `data:image/jpeg;base64,${Buffer.from(fixture().photo).toString('base64')}`;
    for (const image of [uri, Buffer.from(fixture().photo)]) {
      const output = (await clientOf().run('likeness/noop:noop-1', { input: { image, prompt: 'a person' } })) as FileOutput[];
      expect((await bytesOf(output[0])).subarray(1, 4).toString()).toBe('PNG');
    }
  });

  it('goes on polling when the first answer came before the end', async () => {
    const seen: Seen[] = [];
    const input = { image: photo(), prompt: 'a person, slowly', num_inference_steps: 100 };
    const output = (await clientOf().run('likeness/sketch', { input, wait: { mode: 'block', timeout: 1, interval: 50 } }, (prediction) =>
      seen.push(prediction),
    )) as FileOutput[];
    expect(output).toHaveLength(1);
    expect(statuses(seen)).toEqual(['starting', 'processing', 'succeeded']);
    const steps = seen.map(({ logs }) => parseProgressFromLogs(logs ?? '')).filter((progress) => progress !== null);
    expect(steps.some(({ current, total }) => current < total)).toBe(true);
    expect(steps.at(-1)).toMatchObject({ percentage: 1, current: 100, total: 100 });
    expect(seen.at(-1)?.metrics?.predict_time).toBeGreaterThan(0.1);
  });

  it('throws the reason of a failure', async () => {
    const input = { image: `${shopUrl}/picture.jpg`, prompt: 'a person' };
    await expect(clientOf().run('likeness/sketch', { input })).rejects.toThrow(
      /^Prediction failed: The file is no .*\(image_unreadable\)$/,
    );
  });

  it('is canceled by its AbortSignal', async () => {
    const stop = new AbortController();
    const input = { image: photo(), prompt: 'a person, too slowly', num_inference_steps: 100, num_outputs: 8 };
    let id = '';
    const output = await clientOf().run(
      'likeness/sketch',
      { input, wait: { mode: 'poll', interval: 50 }, signal: stop.signal },
      (prediction) => {
        id = prediction.id;
        if (prediction.status === 'processing') stop.abort();
      },
    );
    expect(output).toBeNull();
    await expect.poll(async () => (await clientOf().predictions.get(id)).status).toBe('canceled');
  });
});

describe('stream', () => {
  it('tells of progress, files and the end', async () => {
    const events: { event: string; id: string | undefined; data: unknown }[] = [];
    const input = { image: photo(), prompt: 'a person in the rain', num_outputs: 2, seed: 5 };
    for await (const { event, id, data } of clientOf().stream('likeness/sketch', { input })) events.push({ event, id, data });
    expect(events.map(({ id }) => Number(id))).toEqual(events.map((_, i) => i + 1));
    const named = (name: string) => events.filter(({ event }) => event === name).map(({ data }) => data);
    expect(named('logs')[0]).toBe('Using seed: 5\n');
    expect(parseProgressFromLogs(named('logs').join(''))).toMatchObject({ percentage: 1 });
    expect(named('output')).toHaveLength(2);
    for (const file of named('output')) expect((await sharp(await bytesOf(file as FileOutput)).metadata()).format).toBe('png');
    expect(events.at(-1)).toMatchObject({ event: 'done', data: '{}' });
  });

  it('ends with the reason of a failure', async () => {
    const read = async () => {
      const input = { image: `${shopUrl}/no-picture.jpg`, prompt: 'a person' };
      for await (const event of clientOf().stream('likeness/sketch', { input })) void event;
    };
    await expect(read()).rejects.toThrow('image_unreadable');
  });
});

describe('a webhook', () => {
  const arrived = (id: string): Prediction[] =>
    deliveries.map(({ body }) => JSON.parse(body) as Prediction).filter((body) => body.id === id);

  it('brings the prediction as a GET shows it, and the client’s own check takes its signature', async () => {
    const client = clientOf();
    const input = { image: photo(), prompt: 'a person on a horse', num_inference_steps: 20 };
    const made = await client.predictions.create({ model: 'likeness/sketch', input, webhook: shopUrl });
    const { id } = await client.wait(made, {});
    await expect.poll(() => arrived(id).at(-1)?.status).toBe('succeeded');
    expect(arrived(id).length).toBeGreaterThanOrEqual(2);
    const withoutSignatures = (body: unknown) => JSON.stringify(body).replace(/\?expires=[^"]*/g, '');
    expect(withoutSignatures(arrived(id).at(-1))).toBe(withoutSignatures(await client.predictions.get(id)));
    expect((await fetch((arrived(id).at(-1)?.output?.[0] ?? '').replace(PUBLIC_URL, fixture().stack.url))).status).toBe(200);

    const { key } = await client.webhooks.default.secret.get();
    expect(key).toBe(fixture().stack.connection().webhook_secret);
    for (const { headers, body } of deliveries) {
      const signed = { id: headers['webhook-id'], timestamp: headers['webhook-timestamp'], signature: headers['webhook-signature'] };
      expect(await validateWebhook({ ...signed, body, secret: key } as Parameters<typeof validateWebhook>[0])).toBe(true);
      expect(await validateWebhook({ ...signed, body: `${body} `, secret: key } as Parameters<typeof validateWebhook>[0])).toBe(false);
    }
  });

  it('comes for the events that were asked for only', async () => {
    const client = clientOf();
    const ask = async (events: ('start' | 'output' | 'logs' | 'completed')[], prompt: string) =>
      client.predictions.create({
        model: 'likeness/noop',
        input: { image: photo(), prompt },
        webhook: shopUrl,
        webhook_events_filter: events,
      });
    const [end, start] = [await ask(['output', 'completed'], 'a person at the end'), await ask(['start'], 'a person at the start')];
    expect(end.webhook_events_filter).toEqual(['completed']);
    for (const made of [end, start]) await client.wait(made, { interval: 50 });
    await expect.poll(() => [arrived(end.id).length, arrived(start.id).length]).toEqual([1, 1]);
    expect(arrived(end.id)[0]).toMatchObject({ status: 'succeeded', webhook: shopUrl });
  });
});
