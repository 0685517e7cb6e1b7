/** What an endpoint adds to a delivery: its secret and URL of the moment, and its end. */
import { EndpointEvent, type DeliveryId, type EndpointId } from '@likeness/contracts';
import { exec, many, one, sql } from '@likeness/platform/db';
import { newWebhookSecret, RETRY_SCHEDULE } from '@likeness/platform/webhooks';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { reconcile } from './reconcile.ts';
import { body, useDeliveries } from './testing/deliveries.ts';

const deliveries = useDeliveries();
const answer = (status: number, headers: Record<string, string> = {}) => {
  deliveries().receiver.answer = (response) => void response.writeHead(status, headers).end();
};

const Endpoint = z.object({
  status: z.string(),
  disabled_reason: z.string().nullable(),
  failing: z.number().nullable(),
  sequence: z.number(),
});
const endpointOf = (id: EndpointId) =>
  one(
    deliveries().db,
    Endpoint,
    sql`SELECT status, disabled_reason, round(extract(epoch FROM now() - failing_since))::int AS failing, sequence FROM webhook_endpoint WHERE id = ${id}`,
  );
const set = (id: EndpointId, assignment: ReturnType<typeof sql>) =>
  exec(deliveries().db, sql`UPDATE webhook_endpoint SET ${assignment} WHERE id = ${id}`);
const announcements = () =>
  many(
    deliveries().db,
    z.object({ id: z.custom<DeliveryId>(), endpoint_id: z.string(), body: z.unknown() }),
    sql`SELECT id, endpoint_id, body FROM webhook_delivery WHERE type = 'endpoint.disabled'`,
  );

/** Which of the secrets verify the last request. */
const verifiedBy = (...secrets: string[]): boolean[] => {
  const last = deliveries().receiver.received.at(-1);
  if (!last) throw new Error('nothing was received');
  return secrets.map((secret) => {
    try {
      return JSON.stringify(new Webhook(secret).verify(last.body, last.headers)) === last.body;
    } catch {
      return false;
    }
  });
};

describe('the signature', () => {
  it('is made with the endpoint’s secret, and with the tenant’s for a request’s own webhook', async () => {
    const { id, secret } = await deliveries().endpoint(['generation.completed']);
    await deliveries().deliver(await deliveries().post(undefined, id));
    expect(verifiedBy(secret, deliveries().secret)).toEqual([true, false]);
    await deliveries().deliver(await deliveries().post());
    expect(verifiedBy(secret, deliveries().secret)).toEqual([false, true]);
  });

  it('is there twice during a rotation, and once after it', async () => {
    const { id, secret: former } = await deliveries().endpoint(['generation.completed']);
    const secret = newWebhookSecret();
    await set(id, sql`previous_secret = secret, secret = ${secret}, previous_secret_until = now() + interval '1 minute'`);
    const delivery = await deliveries().post(undefined, id);
    answer(500);
    await deliveries().deliver(delivery);
    expect(verifiedBy(secret, former, deliveries().secret)).toEqual([true, true, false]);
    expect(deliveries().receiver.received.at(-1)?.headers['webhook-signature']?.split(' ')).toHaveLength(2);
    await set(id, sql`previous_secret_until = now()`);
    await deliveries().makeDue(delivery);
    await deliveries().deliver(delivery);
    expect(verifiedBy(secret, former)).toEqual([true, false]);
  });

  it('is there twice during a rotation of the tenant’s secret, and once after it', async () => {
    const former = deliveries().secret;
    const secret = newWebhookSecret();
    const rotate = (until: ReturnType<typeof sql>) =>
      exec(
        deliveries().db,
        sql`UPDATE tenant SET previous_webhook_secret = ${former}, webhook_secret = ${secret}, previous_webhook_secret_until = ${until}`,
      );
    await rotate(sql`now() + interval '1 minute'`);
    await deliveries().deliver(await deliveries().post());
    expect(verifiedBy(secret, former)).toEqual([true, true]);
    await rotate(sql`now()`);
    await deliveries().deliver(await deliveries().post());
    expect(verifiedBy(secret, former)).toEqual([true, false]);
  });
});

it('a delivery goes where the endpoint is now', async () => {
  const { id } = await deliveries().endpoint(['generation.completed'], 'http://127.0.0.1:1/former');
  const delivery = await deliveries().post('http://127.0.0.1:1/former', id);
  await set(id, sql`url = ${deliveries().receiver.url}`);
  expect(await deliveries().deliver(delivery)).toBe('succeeded');
});

describe('410', () => {
  it('disables the endpoint, and the others of the tenant hear of it', async () => {
    const gone = await deliveries().endpoint(['generation.completed', 'endpoint.disabled']);
    const other = await deliveries().endpoint(['endpoint.disabled']);
    await deliveries().endpoint(['generation.completed']);
    const delivery = await deliveries().post(undefined, gone.id);
    answer(410);
    expect(await deliveries().deliver(delivery)).toBe('failed');
    expect(await endpointOf(gone.id)).toMatchObject({ status: 'disabled', disabled_reason: 'receiver_gone', sequence: 2 });
    const told = await announcements();
    expect(told).toMatchObject([{ endpoint_id: other.id }]);
    expect(EndpointEvent.parse(told[0]?.body).data).toEqual({
      ...{ id: gone.id, status: 'disabled', disabled_reason: 'receiver_gone', sequence: 2 },
    });
    answer(204);
    expect(await deliveries().deliver(told[0]?.id ?? delivery)).toBe('succeeded');
    expect(verifiedBy(other.secret)).toEqual([true]);
  });

  it('to a request’s own webhook disables nothing', async () => {
    const { id } = await deliveries().endpoint(['generation.completed']);
    answer(410);
    await deliveries().deliver(await deliveries().post());
    expect(await endpointOf(id)).toMatchObject({ status: 'enabled', failing: null });
  });
});

describe('an endpoint that fails', () => {
  it('is failing from the first failure to the next success', async () => {
    const { id } = await deliveries().endpoint(['generation.completed']);
    const fail = async () => {
      answer(500);
      await deliveries().deliver(await deliveries().post(undefined, id));
    };
    await fail();
    expect(await endpointOf(id)).toMatchObject({ status: 'enabled', failing: 0 });
    await set(id, sql`failing_since = now() - interval '2 days'`);
    await fail();
    expect(await endpointOf(id)).toMatchObject({ status: 'enabled', failing: 2 * 86_400 });
    answer(200);
    await deliveries().deliver(await deliveries().post(undefined, id));
    expect(await endpointOf(id)).toMatchObject({ status: 'enabled', failing: null });
  });

  it('for five days is disabled at the next failure, once, and the others hear of it', async () => {
    const { id } = await deliveries().endpoint(['generation.completed']);
    const other = await deliveries().endpoint(['endpoint.disabled']);
    await set(id, sql`failing_since = now() - interval '5 days'`);
    const both = [await deliveries().post(undefined, id), await deliveries().post(undefined, id)];
    answer(500);
    await Promise.all(both.map((delivery) => deliveries().deliver(delivery)));
    expect(await endpointOf(id)).toMatchObject({ status: 'disabled', disabled_reason: 'failing', sequence: 2 });
    expect((await announcements()).map(({ endpoint_id }) => endpoint_id)).toEqual([other.id]);
  });

  it('for five days is not disabled when it answers again', async () => {
    const { id } = await deliveries().endpoint(['generation.completed']);
    await set(id, sql`failing_since = now() - interval '6 days'`);
    await deliveries().deliver(await deliveries().post(undefined, id));
    expect(await endpointOf(id)).toMatchObject({ status: 'enabled', failing: null });
    expect(await announcements()).toEqual([]);
  });

  it.each([
    ['disabled', sql`status = 'disabled', disabled_reason = 'requested'`, 'the endpoint is disabled'],
    ['deleted', null, 'the endpoint was deleted'],
  ])('and is %s gets nothing any more, not even what was on its way', async (_name, change, error) => {
    const { id } = await deliveries().endpoint(['generation.completed']);
    const delivery = await deliveries().post(undefined, id);
    await (change ? set(id, change) : exec(deliveries().db, sql`DELETE FROM webhook_endpoint WHERE id = ${id}`));
    expect(await deliveries().deliver(delivery)).toBe('failed');
    expect(deliveries().receiver.received).toEqual([]);
    expect(await deliveries().attempts(delivery)).toMatchObject([{ status_code: null, error }]);
    expect(await deliveries().state(delivery)).toMatchObject({ status: 'failed', over: true, next_in: null });
  });
});

describe('a replay', () => {
  /** As the API does it. */
  const replay = (id: DeliveryId) =>
    exec(
      deliveries().db,
      sql`UPDATE webhook_delivery SET status = 'pending', attempts_before = attempt, next_attempt_at = now(), completed_at = NULL WHERE id = ${id}`,
    );

  it('after exhaustion has the same id and body, and the whole schedule before it', async () => {
    const delivery = await deliveries().post();
    answer(503);
    const exhaust = async () => {
      const outcomes: string[] = [];
      for (let i = 0; i < RETRY_SCHEDULE.length; i++) {
        outcomes.push(await deliveries().deliver(delivery));
        if (i === 0) expect((await deliveries().state(delivery))?.next_in).toBeLessThan(6.1);
        await deliveries().makeDue(delivery);
      }
      return outcomes;
    };
    const schedule = [...Array<string>(RETRY_SCHEDULE.length - 1).fill('pending'), 'exhausted'];
    expect(await exhaust()).toEqual(schedule);
    await replay(delivery);
    expect(await exhaust()).toEqual(schedule);
    await replay(delivery);
    answer(204);
    expect(await deliveries().deliver(delivery)).toBe('succeeded');
    const { received } = deliveries().receiver;
    expect(received).toHaveLength(2 * RETRY_SCHEDULE.length + 1);
    expect(new Set(received.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([delivery]));
    for (const request of received) expect(JSON.parse(request.body)).toEqual(body);
    expect((await deliveries().attempts(delivery)).map(({ attempt }) => attempt)).toEqual(received.map((_, i) => i + 1));
  });

  it('whose dispatcher is lost goes on, although more attempts were made before', async () => {
    const delivery = await deliveries().post();
    await exec(
      deliveries().db,
      sql`UPDATE webhook_delivery SET attempt = 9, attempts_before = 8, lease_until = now() - interval '1 second' WHERE id = ${delivery}`,
    );
    await exec(deliveries().db, sql`DELETE FROM outbox`);
    await reconcile(deliveries().parts);
    expect((await deliveries().messages(delivery)).map(({ n }) => n)).toEqual([10]);
    expect(await deliveries().deliver(delivery)).toBe('succeeded');
  });
});

describe('a receiver that is no receiver', () => {
  it('costs 15 seconds at most, however slowly it answers', async () => {
    const { receiver } = deliveries();
    const timers: NodeJS.Timeout[] = [];
    const trickle = (write: () => void) => void timers.push(setInterval(write, 100));
    const answers: (typeof receiver.answer)[] = [
      () => undefined, // never a byte
      ({ socket }) => void (socket?.write('HTTP/1.1 200 OK\r\nx: '), trickle(() => socket?.write('x'))), // a header without an end
      (response) => void (response.writeHead(200), trickle(() => response.write('x'))), // a body of one byte at a time: it ends at a kilobyte, after 100 s
    ];
    const ids = await Promise.all(answers.map(() => deliveries().post()));
    receiver.answer = (response) => answers.shift()?.(response);
    const began = Date.now();
    const outcomes = await Promise.all(ids.map((id) => deliveries().deliver(id)));
    expect(Date.now() - began).toBeLessThan(17_000);
    timers.forEach(clearInterval);
    expect(outcomes).toEqual(['pending', 'pending', 'pending']);
    for (const id of ids)
      expect(await deliveries().attempts(id)).toMatchObject([
        { status_code: null, error: expect.stringContaining('did not answer within 15 s') as string, response_excerpt: null },
      ]);
  });

  it('is not read to its end when its answer has 100 MB', async () => {
    const { receiver } = deliveries();
    const chunk = Buffer.alloc(64 * 1024, 'x');
    let written = 0;
    const closed = Promise.withResolvers<void>();
    receiver.answer = (response) => {
      response.once('close', closed.resolve).writeHead(200, { 'content-length': String(100 * 1024 * 1024) });
      const write = () => {
        while (!response.destroyed && written < 100 * 1024 * 1024) {
          written += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', write);
        }
      };
      write();
    };
    const delivery = await deliveries().post();
    expect(await deliveries().deliver(delivery)).toBe('succeeded');
    await closed.promise;
    expect(written).toBeLessThan(16 * 1024 * 1024); // what the sockets' buffers take
    expect((await deliveries().attempts(delivery))[0]?.response_excerpt).toBe('x'.repeat(1_024));
  });

  it.each([
    ['resets the connection', (response: { socket: { resetAndDestroy(): void } | null }) => response.socket?.resetAndDestroy()],
    [
      'has a header of 100 KB',
      (response: { socket: { write(text: string): boolean } | null }) =>
        response.socket?.write(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(100_000)}\r\n\r\n`),
    ],
    [
      'does not speak HTTP',
      (response: { socket: { end(text: string): unknown } | null }) => response.socket?.end('220 mail.example ESMTP\r\n'),
    ],
  ])('that %s is called again', async (_name, misbehave) => {
    const delivery = await deliveries().post();
    deliveries().receiver.answer = (response) => void misbehave(response);
    expect(await deliveries().deliver(delivery)).toBe('pending');
    expect(await deliveries().attempts(delivery)).toMatchObject([
      { status_code: null, error: expect.stringContaining('could not be reached') as string, response_excerpt: null },
    ]);
  });
});
