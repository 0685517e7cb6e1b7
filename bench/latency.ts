import { z } from 'zod';
import { many, openDb, sql } from '@likeness/platform/db';
import { withNoopStack, type Benchmark } from './benchmark.ts';

const JOBS = 200;

const Times = z.object({ to_first_stage: z.number(), end_to_end: z.number(), to_webhook: z.number().nullable() });

/** One job at a time through three no-op stages: accepted → first stage, accepted → done, done → first webhook attempt; the database's own times. */
export const latency: Benchmark = (say, options) =>
  withNoopStack(options, say, async ({ stack, client, receiver, upload, parameters }) => {
    const input = { reference_images: [upload], prompt: 'a person' };
    const run = async () => {
      const job = await client.create(input, { webhook: receiver.url });
      await client.untilTerminal(job.id);
      await receiver.received(job.id, stack.connection().webhook_secret, 10_000);
      return job.id;
    };
    for (let i = 0; i < 20; i++) await run();
    say(`${JOBS} jobs, one at a time`);
    const ids: string[] = [];
    for (let i = 0; i < JOBS; i++) ids.push(await run());
    const db = openDb(stack.databaseUrl, { max: 1 });
    try {
      const rows = await many(
        db,
        Times,
        sql`
          SELECT extract(epoch FROM g.started_at - g.created_at)::float8 * 1000 AS to_first_stage,
                 extract(epoch FROM g.completed_at - g.created_at)::float8 * 1000 AS end_to_end,
                 (SELECT extract(epoch FROM min(a.at) - g.completed_at)::float8 * 1000 - min(a.duration_ms)
                    FROM webhook_delivery d JOIN webhook_attempt a ON a.delivery_id = d.id WHERE d.generation_id = g.id) AS to_webhook
            FROM generation g WHERE g.id = ANY(${ids})`,
      );
      return {
        runs: rows.map((row) => row.end_to_end),
        unit: 'ms',
        parameters: { jobs: JOBS, concurrency: 1, ...parameters },
        parts: {
          'accepted → first stage, ms': rows.map((row) => row.to_first_stage),
          'done → first webhook attempt, ms': rows.flatMap((row) => row.to_webhook ?? []),
        },
      };
    } finally {
      await db.close();
    }
  });
