import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QUEUES, type QueueName } from '@likeness/contracts';
import { exec, migrate, openDb, sql, startEmbeddedPostgres } from '@likeness/platform/db';
import { openQueue } from '@likeness/platform/queue';
import { startRedis } from '../libs/platform/src/testing/index.ts';
import type { Queue } from 'bullmq';
import { BATCH, relayOutbox } from '../apps/dispatcher/src/relay-outbox.ts';
import type { Benchmark } from './benchmark.ts';

const MESSAGES = 4_000;

/** Messages per second from the outbox into the queue, batch by batch, until it is empty; from Postgres into Postgres or Redis. */
export const relay: Benchmark = async (say, { profile }) => {
  const dir = await mkdtemp(join(tmpdir(), 'likeness-relay-'));
  await chmod(dir, 0o711); // the server's own user has to pass through
  const postgres = await startEmbeddedPostgres({ dir: join(dir, 'postgres') });
  await migrate(postgres.url);
  const redis = profile === 'distributed' ? await startRedis() : undefined;
  const db = openDb(postgres.url, { max: 2 });
  const queues = Object.fromEntries(
    QUEUES.map((name) => [name, openQueue(name, { DATABASE_URL: postgres.url, REDIS_URL: redis?.url })]),
  ) as Record<QueueName, Queue>;
  try {
    await exec(
      db,
      sql`INSERT INTO outbox (job, queue, ref_id, n, tenant_id) SELECT 'deliver-webhook', 'webhooks', 'whd_' || i, 1, 'ten_' || i % 10 FROM generate_series(1, ${MESSAGES}::int) AS i`,
    );
    say(`${MESSAGES} messages of ten tenants`);
    const runs: number[] = [];
    for (;;) {
      const start = performance.now();
      const moved = await relayOutbox({ db, queues });
      if (moved === 0) break;
      runs.push(moved / ((performance.now() - start) / 1000));
    }
    return { runs, unit: 'messages/s', parameters: { messages: MESSAGES, tenants: 10, batch: BATCH, profile } };
  } finally {
    await Promise.all(Object.values(queues).map((queue) => queue.close()));
    await db.close();
    await redis?.stop();
    await postgres.stop();
    await rm(dir, { recursive: true, force: true });
  }
};
