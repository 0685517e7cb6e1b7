/** One suite for both transports. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '../db/index.ts';
import { redisServer, startRedis, type TestServer } from '../testing/index.ts';
import { openSignals, type Signals } from './index.ts';

interface Transport {
  open(): Signals;
  /** Breaks every connection; `back` lets them in again. */
  cut(): Promise<void>;
  back(): Promise<void>;
  stop(): Promise<void>;
}

async function redis(): Promise<Transport> {
  const server: TestServer = await startRedis();
  return {
    open: () => openSignals({ DATABASE_URL: 'postgres://nowhere', REDIS_URL: server.url }),
    cut: () => server.kill(),
    back: () => server.start(),
    stop: () => server.stop(),
  };
}

async function postgres(): Promise<Transport> {
  const database: TestDatabase = await testDatabase();
  return {
    open: () => openSignals({ DATABASE_URL: database.url, REDIS_URL: undefined }),
    cut: async () => {
      const client = new pg.Client(database.url);
      await client.connect();
      await client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'likeness-signals' AND datname = current_database()`,
      );
      await client.end();
    },
    back: async () => undefined,
    stop: () => database.drop(),
  };
}

describe.each([
  ['Redis', redisServer !== undefined, redis],
  ['Postgres', true, postgres],
])('signals over %s', (_name, available, start) => {
  let transport: Transport;
  let opened: Signals[] = [];
  const open = async (): Promise<Signals> => {
    const signals = transport.open();
    opened.push(signals);
    await signals.ready;
    return signals;
  };
  beforeAll(async () => {
    if (available) transport = await start();
  });
  afterEach(async () => {
    await Promise.all(opened.map((signals) => signals.close()));
    opened = [];
  });
  afterAll(() => transport?.stop());

  it.runIf(available)('reach every subscriber of the channel in every process, and no other channel', async () => {
    const [a, b] = [await open(), await open()];
    const heard: string[] = [];
    a.subscribe('cancel', (payload) => heard.push(`a1 ${payload}`));
    a.subscribe('cancel', (payload) => heard.push(`a2 ${payload}`));
    b.subscribe('cancel', (payload) => heard.push(`b ${payload}`));
    b.subscribe('progress', (payload) => heard.push(`progress ${payload}`));
    b.publish('cancel', 'gen_1');
    await expect.poll(() => [...heard].sort()).toEqual(['a1 gen_1', 'a2 gen_1', 'b gen_1']);
  });

  it.runIf(available)('keep order and every character', async () => {
    const [a, b] = [await open(), await open()];
    const heard: string[] = [];
    b.subscribe('progress', (payload) => heard.push(payload));
    const sent = Array.from({ length: 200 }, (_, step) => JSON.stringify({ step, text: "'ü\n𝄞" }));
    for (const payload of sent) a.publish('progress', payload);
    await expect.poll(() => heard).toEqual(sent);
  });

  it.runIf(available)('end with their subscription', async () => {
    const signals = await open();
    const heard: string[] = [];
    const end = signals.subscribe('cancel', (payload) => heard.push(`first ${payload}`));
    signals.subscribe('cancel', (payload) => heard.push(`second ${payload}`));
    end();
    signals.publish('cancel', 'x');
    await expect.poll(() => heard).toEqual(['second x']);
  });

  it.runIf(available)('flow again after the connection broke, without anybody doing anything', async () => {
    const [a, b] = [await open(), await open()];
    const heard: string[] = [];
    b.subscribe('cancel', (payload) => heard.push(payload));
    await transport.cut();
    a.publish('cancel', 'may be lost');
    await transport.back();
    for (let n = 0; n < 200 && !heard.includes('again'); n++) {
      a.publish('cancel', 'again');
      await sleep(25);
    }
    expect(heard).toContain('again');
  });

  it.runIf(available)('that were published last leave before the end', async () => {
    const [a, b] = [await open(), await open()];
    const heard: string[] = [];
    b.subscribe('cancel', (payload) => heard.push(payload));
    a.publish('cancel', 'last words');
    await a.close();
    await expect.poll(() => heard).toEqual(['last words']);
  });
});

it.each([
  ['Redis', { DATABASE_URL: 'postgres://127.0.0.1:1/x', REDIS_URL: 'redis://127.0.0.1:1' }],
  ['Postgres', { DATABASE_URL: 'postgres://127.0.0.1:1/x', REDIS_URL: undefined }],
])('a %s that is away stops nobody from publishing or from closing', async (_name, config) => {
  const errors: Error[] = [];
  const signals = openSignals(config, { onError: (error) => errors.push(error) });
  signals.subscribe('cancel', () => undefined);
  signals.publish('cancel', 'x');
  await expect.poll(() => errors.length).toBeGreaterThan(0);
  await signals.close();
});
