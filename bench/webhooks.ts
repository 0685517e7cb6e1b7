import { z } from 'zod';
import { many, openDb, sql } from '@likeness/platform/db';
import { withNoopStack, type Benchmark } from './benchmark.ts';

const JOBS = 200;
const AT_ONCE = 10;

/** End of a job → the first attempt at its webhook, while ten jobs are under way at any time; the database's own times. */
export const webhooks: Benchmark = (say, options) =>
  withNoopStack(options, say, async ({ stack, client, receiver, upload, parameters }) => {
    const input = { reference_images: [upload], prompt: 'a person' };
    say(`${JOBS} jobs, ${AT_ONCE} at a time`);
    let left = JOBS;
    const run = async () => {
      while (left-- > 0) {
        const job = await client.create(input, { webhook: receiver.url });
        await receiver.received(job.id, stack.connection().webhook_secret, 30_000);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, run));
    const db = openDb(stack.databaseUrl, { max: 1 });
    try {
      const rows = await many(
        db,
        z.object({ ms: z.number() }),
        sql`SELECT extract(epoch FROM a.at - g.completed_at)::float8 * 1000 - a.duration_ms AS ms
              FROM generation g JOIN webhook_delivery d ON d.generation_id = g.id JOIN webhook_attempt a ON a.delivery_id = d.id AND a.attempt = 1`,
      );
      return {
        runs: rows.map(({ ms }) => ms),
        unit: 'ms',
        parameters: { jobs: JOBS, concurrency: AT_ONCE, ...parameters },
      };
    } finally {
      await db.close();
    }
  });
