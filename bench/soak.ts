import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { many, openDb, sql } from '@likeness/platform/db';
import { z } from 'zod';
import { withNoopStack, type Benchmark } from './benchmark.ts';

const PER_SECOND = 20;
const SAMPLE_MS = 10_000;
const MIB = 2 ** 20;

/**
 * Whether anything grows: a steady load for `--minutes`, and every ten seconds the resident memory of each process, the dead rows
 * of the busiest tables. The figure is the slope of the second half (the first warms up), in MiB per hour, of the process that grows most.
 */
export const soak: Benchmark = (say, options) =>
  withNoopStack(options, say, async ({ stack, client, upload, receiver, parameters }) => {
    const input = { reference_images: [upload], prompt: 'a person' };
    const db = openDb(stack.databaseUrl, { max: 1 });
    const memory = new Map<string, [hours: number, mib: number][]>();
    const parts: Record<string, number[]> = { 'dead rows': [] };
    const [start, until] = [Date.now(), Date.now() + options.minutes * 60_000];
    let made = 0;
    const pending = new Set<Promise<unknown>>();
    const load = (async () => {
      while (Date.now() < until) {
        const job = client.create(input, made++ % 4 === 0 ? { webhook: receiver.url } : {}).catch((error: unknown) => say(String(error)));
        pending.add(job);
        void job.finally(() => pending.delete(job));
        await sleep(1_000 / PER_SECOND);
      }
    })();
    try {
      while (Date.now() < until) {
        await sleep(Math.min(SAMPLE_MS, until - Date.now()));
        const hours = (Date.now() - start) / 3_600_000;
        for (const [name, pids] of Object.entries(stack.connection().pids))
          for (const pid of [pids ?? []].flat()) memory.set(name, [...(memory.get(name) ?? []), [hours, residentMiB(pid)]]);
        const [rows] = await many(
          db,
          z.object({ dead: z.number() }),
          sql`SELECT sum(n_dead_tup)::int AS dead FROM pg_stat_user_tables WHERE schemaname = 'public'`,
        );
        parts['dead rows']?.push(rows?.dead ?? 0);
        say(
          `${Math.round(hours * 60)} min, ${made} jobs, ${[...memory].map(([name, seen]) => `${name} ${Math.round(seen.at(-1)?.[1] ?? 0)}`).join(', ')} MiB, ${rows?.dead} dead rows`,
        );
      }
      await load;
      await Promise.all(pending);
    } finally {
      await db.close();
    }
    for (const [name, seen] of memory) parts[`${name}, MiB`] = seen.map(([, mib]) => mib);
    const slopes = [...memory.values()].map((seen) => slope(seen.filter(([hours]) => hours > options.minutes / 120)));
    return {
      runs: [Math.max(...slopes)],
      unit: 'MiB/h',
      parameters: { minutes: options.minutes, jobs_per_second: PER_SECOND, jobs: made, ...parameters },
      parts,
    };
  });

/** From the kernel, so that it is the whole process, native memory included. */
const residentMiB = (pid: number): number =>
  (Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024) / MIB;

/** Least squares. */
function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (of: 0 | 1) => points.reduce((sum, point) => sum + point[of], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const over = points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
  return over === 0 ? 0 : points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0) / over;
}
