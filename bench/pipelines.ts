import { setTimeout as sleep } from 'node:timers/promises';
import { many, openDb, sql, type Db } from '@likeness/platform/db';
import { z } from 'zod';
import { withNoopStack, type Benchmark } from './benchmark.ts';
import { cpuPerJob, cpuTimes } from './cpu-time.ts';

const JOBS = 6_000;
const ITEMS = 1_000;

/**
 * Whole pipelines of three no-op stages per second, sustained: a backlog is made by batches of a thousand, and what ends in each
 * second is counted, from the moment that all of it is accepted to the last fifth, where the stages run dry.
 */
export const pipelines: Benchmark = (say, options) =>
  withNoopStack(options, say, async ({ stack, client, upload, parameters }) => {
    const db = openDb(stack.databaseUrl, { max: 1, name: 'bench' });
    try {
      const input = { reference_images: [upload], prompt: 'a person' };
      for (let i = 0; i < 20; i++) await client.untilTerminal((await client.create(input)).id);
      const [done, cpu] = [await finished(db), cpuTimes(stack)];
      const accepting = performance.now();
      for (let i = 0; i < JOBS / ITEMS; i++) {
        const items = Array.from({ length: ITEMS }, (_, n) => ({ custom_id: `${i}-${n}`, input }));
        const { status } = await client.call('POST', '/v1/batches', { items });
        if (status !== 202) throw new Error(`a batch was answered with ${status}`);
      }
      say(`${JOBS} jobs accepted in ${((performance.now() - accepting) / 1000).toFixed(1)} s`);
      const runs: number[] = [];
      for (let before = await finished(db), at = performance.now(); before - done < JOBS * 0.8;) {
        await sleep(1_000);
        const [now, later] = [await finished(db), performance.now()];
        runs.push((now - before) / ((later - at) / 1000));
        say(`${now - done} of ${JOBS} done, ${runs.at(-1)?.toFixed(0)}/s`);
        [before, at] = [now, later];
      }
      const parts = cpuPerJob(cpu, cpuTimes(stack), (await finished(db)) - done);
      return { runs, unit: 'pipelines/s', parameters: { jobs: JOBS, ...parameters }, parts };
    } finally {
      await db.close();
    }
  });

const finished = async (db: Db): Promise<number> =>
  (
    await many(db, z.object({ n: z.number() }), sql`SELECT count(*)::int AS n FROM generation WHERE status = 'succeeded' AND id > 'gen_01'`)
  )[0]?.n ?? 0;
