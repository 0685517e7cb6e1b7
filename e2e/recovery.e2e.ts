import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { many, openDb, sql } from '@likeness/platform/db';
import { useStack } from './stack.ts';

/** Pids of the children of a process. */
const childrenOf = (pid: number): number[] => {
  const rows = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((row) => row.trim().split(/\s+/).map(Number));
  return rows.filter(([, parent]) => parent === pid).map(([child]) => child ?? 0);
};

describe('a process that is killed in mid-job', () => {
  const fixture = useStack();
  const pid = (name: string) => {
    const value = fixture().stack.connection().pids[name];
    const first = Array.isArray(value) ? value[0] : value;
    if (first === undefined) throw new Error(`no pid of ${name}`);
    return first;
  };

  const victims: [string, () => number][] = [
    ['the diffusion worker', () => pid('diffusion-worker')],
    ["the diffusion worker's inference child", () => childrenOf(pid('diffusion-worker'))[0] ?? 0],
    ['the dispatcher', () => pid('dispatcher')],
    ['the API', () => pid('api')],
  ];

  it.each(victims)('%s: the job still ends once, as succeeded', async (_name, victim) => {
    const { client, photo, receiver, stack } = fixture();
    const upload = await client.upload(photo);
    const job = await client.create(
      { reference_images: [upload.id], prompt: 'a person', steps: 60, num_images: 2 },
      { webhook: receiver.url },
    );
    await client.until(job.id, (g) => g.stage === 'sample' && (g.progress?.step ?? 0) > 0);
    const target = victim();
    expect(target).toBeGreaterThan(1);
    process.kill(target, 'SIGKILL');
    const done = await client.untilTerminal(job.id, 90_000);
    expect(done.status, JSON.stringify(done.error)).toBe('succeeded');
    expect(done.output).toHaveLength(2);
    await receiver.received(job.id, stack.connection().webhook_secret, 20_000);
  });

  it('a parsing and an embedding worker killed under a run of jobs: each job ends exactly once', async () => {
    const { client, photo, stack } = fixture();
    const upload = await client.upload(photo);
    const jobs = await Promise.all(
      Array.from({ length: 8 }, () => client.create({ reference_images: [upload.id], prompt: 'a person', steps: 2 })),
    );
    process.kill(pid('parsing-worker'), 'SIGKILL');
    process.kill(pid('embedding-worker'), 'SIGKILL');
    for (const job of jobs) expect((await client.untilTerminal(job.id, 120_000)).status).toBe('succeeded');

    const db = openDb(stack.databaseUrl, { max: 1 });
    try {
      const ends = await many(
        db,
        z.object({ generation_id: z.string(), ends: z.coerce.number() }),
        sql`SELECT generation_id, count(*) FILTER (WHERE type = 'completed') AS ends FROM event GROUP BY generation_id`,
      );
      expect(ends.length).toBeGreaterThanOrEqual(jobs.length);
      expect(ends.filter((row) => row.ends !== 1)).toEqual([]);
    } finally {
      await db.close();
    }
  });
});
