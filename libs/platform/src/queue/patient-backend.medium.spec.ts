import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { testDatabase } from '../db/index.ts';
import { openQueue } from './index.ts';

it('a queue that is opened while the database lets nobody in works as soon as it does', async () => {
  const database = await testDatabase();
  const name = new URL(database.url).pathname.slice(1);
  const admin = new pg.Client(process.env.TEST_DATABASE_URL);
  await admin.connect();
  onTestFinished(async () => {
    await admin.end();
    await database.drop();
  });
  await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
  const heard: string[] = [];
  const queue = openQueue(
    'webhooks',
    { DATABASE_URL: database.url, REDIS_URL: undefined },
    { onError: (error) => heard.push(error.message) },
  );
  const added = queue.add('deliver-webhook', { deliveryId: 'whd_1' }, { jobId: 'whd_1-1' });
  await sleep(1_200);
  expect(heard.some((message) => message.includes('not currently accepting connections'))).toBe(true);
  await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
  expect((await added).id).toBe('whd_1-1');
  await queue.close();
});
