import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { newId, type Generation, type GenerationId, type GenerationState, type Problem, type StageId } from '@likeness/contracts';
import { claimStage, heartbeat, requestCancel, settleCancel, type ClaimedStage } from '@likeness/generation';
import { exec, many, sql } from '@likeness/platform/db';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { startApi, useApi } from '../testing/api.ts';

const api = useApi();
const input = { reference_images: ['https://93.184.215.14/a.jpg'], prompt: 'a person' };

const create = async (): Promise<Generation> => (await api().call<Generation>('POST', '/v1/generations', { json: { input } })).body;

async function claim(id: string): Promise<ClaimedStage> {
  const [row] = await many(
    api().db,
    z.object({ id: z.custom<StageId>() }),
    sql`SELECT id FROM stage WHERE generation_id = ${id} AND status = 'queued'`,
  );
  const stage = row && (await claimStage(api().db, row.id, newId('worker'), api().store.vault.newKey()));
  if (!stage) throw new Error('the stage can be claimed');
  return stage;
}

/** A worker takes it, shows two steps and a preview, and it is canceled. */
async function run(id: GenerationId, pause = 0): Promise<void> {
  const stage = await claim(id);
  for (const progress of [
    { step: 1, total: 4 },
    { step: 2, total: 4, preview: `t/x/${id}/preview` },
  ]) {
    await heartbeat(api().db, stage, progress);
    await sleep(pause);
  }
  await requestCancel(api().db, api().tenant.id, id);
  await settleCancel(api().db, id, stage);
}

interface Event {
  readonly id: number;
  readonly type: string;
  readonly data: GenerationState & Generation;
}

const open = (
  id: string,
  { headers = {}, query = '', url = api().url, key = api().tenant.key, signal = AbortSignal.timeout(20_000) } = {},
) => fetch(`${url}/v1/generations/${id}/events${query}`, { headers: { authorization: `Bearer ${key}`, ...headers }, signal });

const parse = (text: string): Event[] =>
  text
    .split('\n\n')
    .filter((block) => block.startsWith('id: '))
    .map((block) => {
      const [, id = '', type = '', data = ''] = /^id: (\d+)\nevent: (\w+)\ndata: (.*)$/.exec(block) ?? [];
      return { id: Number(id), type, data: JSON.parse(data) as Event['data'] };
    });

/** All of a stream, when it has ended by itself. */
const events = async (id: string, options: Parameters<typeof open>[1] = {}): Promise<Event[]> =>
  parse(await (await open(id, options)).text());
const types = (list: Event[]) => list.map(({ id, type }) => [id, type]);

describe('GET /v1/generations/{id}/events', () => {
  it('tells the present state, then every change, and ends with the generation', async () => {
    const { id } = await create();
    const response = await open(id);
    expect([response.status, response.headers.get('content-type'), response.headers.get('cache-control')]).toEqual([
      200,
      'text/event-stream',
      'no-store',
    ]);
    await run(id, 50);
    const seen = parse(await response.text());
    expect(types(seen)).toEqual([
      [1, 'status'],
      [2, 'status'],
      [3, 'progress'],
      [4, 'progress'],
      [5, 'preview'],
      [6, 'status'],
      [7, 'completed'],
    ]);
    expect(seen[0]?.data).toEqual({ id, status: 'queued', stage: null, sequence: 1, progress: null });
    expect(seen[1]?.data).toMatchObject({ status: 'processing', stage: 'parse', progress: null });
    expect(seen[2]?.data.progress).toEqual({ step: 1, total: 4, percent: 25, preview_url: null });
    expect(seen[4]?.data.progress).toMatchObject({ step: 2, percent: 50, preview_url: expect.stringContaining('/previews/2?') as string });
    expect(seen[6]?.data).toEqual((await api().call<Generation>('GET', `/v1/generations/${id}`)).body);
  });

  it('replays what came after Last-Event-ID, by header or query', async () => {
    const { id } = await create();
    await run(id);
    for (const options of [{ headers: { 'last-event-id': '3' } }, { query: '?last_event_id=3' }]) {
      expect(types(await events(id, options))).toEqual([
        [4, 'progress'],
        [5, 'preview'],
        [6, 'status'],
        [7, 'completed'],
      ]);
    }
    expect((await events(id, { headers: { 'last-event-id': '0' } })).length).toBe(7);
  });

  it('of what has ended is its end; and nothing, for good, to whoever has it', async () => {
    const { id } = await create();
    await run(id);
    expect(types(await events(id))).toEqual([[7, 'completed']]);
    const again = await open(id, { headers: { 'last-event-id': '7' } });
    expect([again.status, await again.text()]).toEqual([204, '']);
  });

  it('ends with what is left when the events were removed with the data', async () => {
    const { id } = await create();
    await run(id);
    await exec(api().db, sql`DELETE FROM event WHERE generation_id = ${id}`);
    await exec(api().db, sql`UPDATE generation SET data_removed = true, sequence = sequence + 1 WHERE id = ${id}`);
    const [last, ...others] = await events(id, { headers: { 'last-event-id': '3' } });
    expect([last?.id, last?.type, last?.data.data_removed, last?.data.input, others]).toEqual([8, 'completed', true, null, []]);
  });

  it('ends when the generation is no more', async () => {
    const { id } = await create();
    const response = await open(id);
    await exec(
      api().db,
      sql`WITH gone AS (DELETE FROM generation WHERE id = ${id} RETURNING id) SELECT pg_notify('generation', id) FROM gone`,
    );
    expect(types(parse(await response.text()))).toEqual([[1, 'status']]);
  });

  it('has more events than are read at once', async () => {
    const { id } = await create();
    await exec(
      api().db,
      sql`INSERT INTO event (generation_id, tenant_id, sequence, type, data)
          SELECT ${id}, ${api().tenant.id}, n, 'progress', jsonb_build_object('status', 'processing', 'stage', 'sample', 'progress', jsonb_build_object('step', n, 'total', 450))
            FROM generate_series(2, 450) AS n`,
    );
    await exec(api().db, sql`UPDATE generation SET sequence = 450 WHERE id = ${id}`);
    await run(id);
    const seen = await events(id, { headers: { 'last-event-id': '0' } });
    expect(seen.map((event) => event.id)).toEqual(Array.from({ length: 456 }, (_, i) => i + 1));
  });

  it.each([
    ['header', { headers: { 'last-event-id': 'x' } }, 'Last-Event-ID:'],
    ['query', { query: '?last_event_id=-1' }, '?last_event_id'],
    ['query that is not known', { query: '?after=1' }, '?after'],
  ])('refuses a %s', async (_, options, pointer) => {
    const response = await open((await create()).id, options);
    const problem = (await response.json()) as Problem;
    expect([response.status, problem.code, problem.errors?.[0]?.pointer]).toEqual([422, 'validation_failed', pointer]);
  });

  it('does not exist for another tenant, and is no JSON', async () => {
    const { id } = await create();
    expect((await open(id, { key: (await api().newTenant()).key })).status).toBe(404);
    expect((await open(id, { headers: { accept: 'application/json' } })).status).toBe(406);
  });

  it('is let go when the client hangs up, and ends in order when the API stops', async () => {
    const other = await startApi();
    const { body } = await other.call<Generation>('POST', '/v1/generations', { json: { input } });
    const options = { url: other.url, key: other.tenant.key };
    const gone = new AbortController();
    const left = await open(body.id, { ...options, signal: gone.signal });
    const stayed = await open(body.id, options);
    gone.abort();
    await expect(left.text()).rejects.toThrow();
    const stopping = other.close();
    expect(types(parse(await stayed.text()))).toEqual([[1, 'status']]);
    await stopping;
    await other.stop();
  });
});

describe('a preview', () => {
  it('is shown by its link until the generation ends', async () => {
    const { id } = await create();
    const stage = await claim(id);
    const key = `t/${api().tenant.id}/${id}/parse/1/preview-2`;
    await api().store.put(key, Buffer.from('a small picture'), { contentType: 'image/jpeg', dataKey: stage.data_key });
    await heartbeat(api().db, stage, { step: 2, total: 4, preview: key });
    const { body } = await api().call<Generation>('GET', `/v1/generations/${id}`);
    const link = body.progress?.preview_url ?? '';
    const shown = await api().call<string>('GET', link, { key: null });
    expect([shown.status, shown.headers.get('content-type'), shown.body]).toEqual([200, 'image/jpeg', 'a small picture']);
    const forged = await api().call<Problem>('GET', link.replace('/previews/2', '/previews/3'), { key: null });
    expect([forged.status, forged.body.code]).toEqual([404, 'not_found']);
    await api().store.remove([key]);
    expect((await api().call<Problem>('GET', link, { key: null })).status).toBe(410);
    await requestCancel(api().db, api().tenant.id, id);
    await settleCancel(api().db, id, stage);
    const gone = await api().call<Problem>('GET', link, { key: null });
    expect([gone.status, gone.body.code]).toEqual([410, 'data_expired']);
  });
});

describe('many who wait', () => {
  const Connections = z.object({ application_name: z.string(), count: z.number() });
  const connections = async () => {
    const rows = await many(
      api().db,
      Connections,
      sql`SELECT application_name, count(*) AS count FROM pg_stat_activity WHERE datname = current_database() GROUP BY application_name`,
    );
    return new Map(rows.map(({ application_name, count }) => [application_name, count]));
  };

  it('500 streams and 250 waits cost one connection that listens, and no more than a few looks', async () => {
    const { id } = await create();
    const others = await Promise.all(Array.from({ length: 25 }, create));
    const streams = await Promise.all(Array.from({ length: 500 }, () => open(id)));
    const texts = streams.map((response) => response.text());
    const waits = Array.from({ length: 250 }, (_, i) => api().call<Generation>('GET', `/v1/generations/${others[i % 25]?.id}?wait=20`));
    await sleep(500);
    let most = 0;
    let watching = true;
    const watch = (async () => {
      while (watching) {
        const [row] = await many(
          api().db,
          z.object({ busy: z.number() }),
          sql`SELECT count(*) AS busy FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'likeness-api' AND state = 'active'`,
        );
        most = Math.max(most, row?.busy ?? 0);
        await sleep(1);
      }
    })();
    await run(id, 20);
    for (const other of others) await claim(other.id);
    const seen = await Promise.all(texts);
    const answers = await Promise.all(waits);
    watching = false;
    await watch;
    for (const text of seen) expect(types(parse(text)).at(-1)).toEqual([7, 'completed']);
    for (const { status, body } of answers) expect([status, body.sequence]).toEqual([200, 2]);
    const open_ = await connections();
    expect(open_.get('likeness-listen')).toBe(1);
    expect(open_.get('likeness-api')).toBeLessThanOrEqual(10); // the pool
    expect(most).toBeLessThanOrEqual(6);
  });
});

describe('a reader that takes nothing', () => {
  it('gets everything when it reads again', async () => {
    const { id } = await create();
    const socket = connect(Number(new URL(api().url).port), '127.0.0.1');
    socket.write(
      `GET /v1/generations/${id}/events?last_event_id=0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api().tenant.key}\r\nConnection: close\r\n\r\n`,
    );
    socket.pause();
    await exec(
      api().db,
      sql`INSERT INTO event (generation_id, tenant_id, sequence, type, data)
          SELECT ${id}, ${api().tenant.id}, n, 'progress', jsonb_build_object('status', 'processing', 'stage', 'sample', 'progress', jsonb_build_object('step', n, 'total', 1))
            FROM generate_series(2, 50000) AS n`,
    );
    await exec(
      api().db,
      sql`WITH moved AS (UPDATE generation SET sequence = 50000 WHERE id = ${id} RETURNING id) SELECT pg_notify('generation', id) FROM moved`,
    );
    await sleep(300);
    let received = '';
    socket.setEncoding('utf8').on('data', (text: string) => (received += text));
    await run(id);
    await new Promise((done) => socket.once('close', done).resume());
    expect(received).toContain('id: 50006\nevent: completed');
  });
});
