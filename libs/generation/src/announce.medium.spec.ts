/** Who hears of an event. */
import {
  BatchEvent,
  EVENT_TYPES,
  GenerationEvent,
  isId,
  newId,
  WEBHOOK_BODY_MAX_BYTES,
  type EndpointId,
  type EventType,
} from '@likeness/contracts';
import { exec, json, many, sql } from '@likeness/platform/db';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { announced } from './announce.ts';
import { failStage, heartbeat } from './generation.store.ts';
import { useJourney } from './testing/journey.ts';

const journey = useJourney();
const blurred = { code: 'internal', title: 'x', detail: 'y'.repeat(30_000), hint: 'z', retryable: false, stage: 'parse' } as const;

afterEach(() => exec(journey().db, sql`TRUNCATE webhook_endpoint, webhook_delivery, outbox CASCADE`));

const endpoint = async (events: readonly EventType[], status: 'enabled' | 'disabled' = 'enabled', tenant: string = journey().tenantId) => {
  const id: EndpointId = newId('endpoint');
  await exec(
    journey().db,
    sql`INSERT INTO webhook_endpoint (id, tenant_id, url, events, secret, status, disabled_reason)
        VALUES (${id}, ${tenant}, ${`https://example.com/${id}`}, ${[...events]}, 'whsec_x', ${status}, ${status === 'disabled' ? 'requested' : null})`,
  );
  return id;
};
const Delivery = z.object({
  id: z.string(),
  endpoint_id: z.string().nullable(),
  generation_id: z.string().nullable(),
  type: z.string(),
  sequence: z.number(),
  url: z.string(),
  format: z.string(),
  body: z.unknown(),
});
const deliveries = () =>
  many(
    journey().db,
    Delivery,
    sql`SELECT id, endpoint_id, generation_id, type, sequence, url, format, body FROM webhook_delivery ORDER BY endpoint_id NULLS FIRST, sequence`,
  );
const messages = () =>
  many(
    journey().db,
    z.object({ ref_id: z.string(), n: z.number() }),
    sql`SELECT ref_id, n FROM outbox WHERE job = 'deliver-webhook' ORDER BY ref_id`,
  );

describe('an event of a generation', () => {
  it('goes to its own webhook and to every enabled endpoint of its tenant that listens, once each', async () => {
    const other = newId('tenant');
    await exec(journey().db, sql`INSERT INTO tenant (id, name, webhook_secret) VALUES (${other}, ${other}, 'whsec_x')`);
    const all = await endpoint(EVENT_TYPES);
    const completed = await endpoint(['generation.completed']);
    await endpoint(['generation.started', 'batch.completed']);
    await endpoint(EVENT_TYPES, 'disabled');
    await endpoint(EVENT_TYPES, 'enabled', other);
    const { id, stageId } = await journey().create();
    const stage = await journey().claimed(stageId);
    await exec(journey().db, sql`TRUNCATE webhook_delivery, outbox CASCADE`);
    await failStage(journey().db, stage, { ...blurred, detail: 'blurred' });
    const sent = await deliveries();
    expect(sent.map(({ endpoint_id, url }) => [endpoint_id, url])).toEqual([
      [null, 'https://example.com/hook'],
      ...[all, completed].sort().map((whe) => [whe, `https://example.com/${whe}`]),
    ]);
    for (const delivery of sent) {
      expect(isId('delivery', delivery.id), delivery.id).toBe(true);
      expect(delivery).toMatchObject({
        generation_id: id,
        type: 'generation.completed',
        sequence: 3,
        format: 'standard',
        body: sent[0]?.body,
      });
      expect(GenerationEvent.parse(delivery.body).data).toMatchObject({ id, status: 'failed', metadata: { order: '17' } });
    }
    expect(new Set(sent.map((delivery) => delivery.id)).size).toBe(3);
    expect(await messages()).toEqual(
      sent.map((delivery) => ({ ref_id: delivery.id, n: 1 })).sort((a, b) => (a.ref_id < b.ref_id ? -1 : 1)),
    );
  });

  it('goes to endpoints although the request named no webhook, or another filter', async () => {
    const whe = await endpoint(['generation.started', 'generation.progress']);
    const { stageId } = await journey().create({ webhook: false });
    const stage = await journey().claimed(stageId);
    await heartbeat(journey().db, stage, { step: 1, total: 4 });
    await heartbeat(journey().db, stage, { step: 2, total: 4 }); // too soon
    await failStage(journey().db, stage, blurred);
    expect((await deliveries()).map(({ endpoint_id, type }) => [endpoint_id, type])).toEqual([
      [whe, 'generation.started'],
      [whe, 'generation.progress'],
    ]);
  });

  it('gives the format of the request to its own webhook only', async () => {
    const whe = await endpoint(['generation.started']);
    const { id, stageId } = await journey().create({ events: ['started'] });
    await exec(journey().db, sql`UPDATE generation SET webhook_format = 'other' WHERE id = ${id}`);
    await journey().claim(stageId);
    expect((await deliveries()).map(({ endpoint_id, format }) => [endpoint_id, format])).toEqual([
      [null, 'other'],
      [whe, 'standard'],
    ]);
  });

  it('stays below the size of a body, whatever is in it', async () => {
    const { id, stageId } = await journey().create();
    const stage = await journey().claimed(stageId);
    const metadata = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`key ${i}`, '€'.repeat(512)]));
    await exec(journey().db, sql`UPDATE generation SET metadata = ${json(metadata)}::jsonb WHERE id = ${id}`);
    await failStage(journey().db, stage, blurred);
    const [delivery] = await deliveries();
    const { data } = GenerationEvent.parse(delivery?.body);
    expect([data.metadata, data.error?.detail.length]).toEqual([{}, 1_000]);
    const plain = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`key ${i}`.padEnd(64), 'a'.repeat(512)]));
    const second = await journey().create();
    await exec(journey().db, sql`UPDATE generation SET metadata = ${json(plain)}::jsonb WHERE id = ${second.id}`);
    await failStage(journey().db, await journey().claimed(second.stageId), blurred);
    const body = (await journey().deliveries(second.id))[0]?.body;
    expect(body?.data.metadata).toEqual(plain);
    expect(Buffer.byteLength(JSON.stringify(body))).toBeLessThan(WEBHOOK_BODY_MAX_BYTES);
  });
});

describe('an event of something else', () => {
  const counts = { total: 3, accepted: 2, rejected: 1, succeeded: 1, failed: 1, canceled: 0 };
  const announce = (url: string | null) => {
    const id = newId('batch');
    return exec(
      journey().db,
      sql`
      WITH done AS (
        SELECT ${id}::text AS id, ${journey().tenantId}::text AS tenant_id, ${url}::text AS webhook_url
      ), ${announced(
        'batch.completed',
        sql`SELECT tenant_id, NULL AS generation_id, 1 AS sequence, webhook_url AS url, 'standard' AS format,
                   jsonb_build_object('id', id, 'status', 'completed', 'sequence', 1, 'counts', ${json(counts)}::jsonb) AS data FROM done`,
      )}
      SELECT id FROM done`,
    );
  };

  it('goes the same way', async () => {
    const whe = await endpoint(['batch.completed']);
    await announce('https://example.com/batches');
    const sent = await deliveries();
    expect(sent.map(({ endpoint_id, url }) => [endpoint_id, url])).toEqual([
      [null, 'https://example.com/batches'],
      [whe, `https://example.com/${whe}`],
    ]);
    for (const { body } of sent) expect(BatchEvent.parse(body).data.counts).toEqual(counts);
    expect(await messages()).toHaveLength(2);
  });

  it('is no delivery when nobody listens', async () => {
    await endpoint(['generation.completed']);
    expect(await announce(null)).toBe(1);
    expect([await deliveries(), await messages()]).toEqual([[], []]);
  });
});

it('new_id makes ids as the contracts do: of this moment, sorted by time, never the same', async () => {
  const before = newId('delivery', Date.now() - 5);
  const made = await many(journey().db, z.object({ id: z.string() }), sql`SELECT new_id('whd') AS id FROM generate_series(1, 500)`);
  const after = newId('delivery', Date.now() + 5);
  const ids = made.map(({ id }) => id);
  expect(new Set(ids).size).toBe(500);
  for (const id of ids) {
    expect(isId('delivery', id), id).toBe(true);
    expect([before, id, after].sort()).toEqual([before, id, after]);
    const bits = [...id.slice(4)].reduce((value, c) => value * 32n + BigInt('0123456789abcdefghjkmnpqrstvwxyz'.indexOf(c)), 0n);
    expect(bits.toString(16).padStart(32, '0')).toMatch(/^[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
  }
});
