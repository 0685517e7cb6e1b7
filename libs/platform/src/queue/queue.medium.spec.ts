/** One suite for both backends of BullMQ, with the options that the apps use. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker, type Job, type Processor, type Queue } from 'bullmq';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { testDatabase } from '../db/index.ts';
import { redisServer, startRedis } from '../testing/index.ts';
import { checkQueue, JOB_OPTIONS, openQueue, queueOptions, WORKER_OPTIONS, type QueueConfig } from './index.ts';

interface Backend {
  readonly config: QueueConfig;
  /** Breaks every connection; `back` lets them in again. */
  cut(): Promise<void>;
  back(): Promise<void>;
  stop(): Promise<void>;
}

async function redis(): Promise<Backend> {
  const server = await startRedis({ appendonly: 'yes' });
  return {
    config: { DATABASE_URL: 'postgres://127.0.0.1:1/none', REDIS_URL: server.url },
    cut: () => server.kill(),
    back: () => server.start(),
    stop: () => server.stop(),
  };
}

async function postgres(): Promise<Backend> {
  const database = await testDatabase();
  return {
    config: { DATABASE_URL: database.url, REDIS_URL: undefined },
    cut: async () => {
      const client = new pg.Client(database.url);
      await client.connect();
      await client.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
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
])('the queue on %s', (_name, available, start) => {
  let backend: Backend;
  let name = '';
  let count = 0;
  let queue: Queue;
  const workers: Worker[] = [];
  const children: ChildProcess[] = [];

  const work = (processor: Processor, options: { concurrency?: number } = {}): Worker => {
    const { connection, prefix } = queueOptions(backend.config);
    const worker = new Worker(name, processor, { connection, ...(prefix === undefined ? {} : { prefix }), ...WORKER_OPTIONS, ...options });
    worker.on('error', () => undefined); // the broken connections of these tests
    workers.push(worker);
    return worker;
  };

  beforeAll(async () => {
    if (available) backend = await start();
  });
  const it_ = it.runIf(available);
  // Every test has a queue of its own.
  const fresh = async () => {
    name = `queue-${++count}`;
    queue = openQueue(name, backend.config);
    await queue.waitUntilReady();
  };
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await Promise.all(workers.splice(0).map((worker) => worker.close()));
    await queue?.close();
  });
  afterAll(() => backend?.stop());

  it_('hands over every job of a batch once, with its name and data', async () => {
    await fresh();
    const jobs = Array.from({ length: 100 }, (_, n) => ({
      name: 'parse-face',
      data: { stageId: `stg_${n}` },
      opts: { jobId: `stg_${n}-1` },
    }));
    await queue.addBulk(jobs);
    const seen: string[] = [];
    work(async (job: Job<{ stageId: string }>) => void seen.push(`${job.id} ${job.name} ${job.data.stageId}`), { concurrency: 4 });
    await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(100);
    expect(new Set(seen)).toEqual(new Set(jobs.map(({ opts, data }) => `${opts.jobId} parse-face ${data.stageId}`)));
  });

  it_('takes a job id once, while it waits and after it was done', async () => {
    await fresh();
    let runs = 0;
    await queue.add('parse-face', {}, { jobId: 'stg_a-1' });
    await queue.addBulk([
      { name: 'parse-face', data: {}, opts: { jobId: 'stg_a-1' } },
      { name: 'parse-face', data: {}, opts: { jobId: 'stg_b-1' } },
    ]);
    expect(await queue.getJobCounts('waiting')).toEqual({ waiting: 2 });
    const worker = work(async () => void runs++);
    await expect.poll(() => runs).toBe(2);
    await expect.poll(() => queue.getJobCountByTypes('completed')).toBe(2);
    await queue.add('parse-face', {}, { jobId: 'stg_a-1' });
    await sleep(200);
    expect(runs).toBe(2);
    await worker.close();
  });

  it_('works on as many at once as it is told, in the order of arrival', async () => {
    await fresh();
    let now = 0;
    let most = 0;
    const started: number[] = [];
    for (let n = 0; n < 9; n++) await queue.add('embed-identity', { n });
    work(
      async (job: Job<{ n: number }>) => {
        started.push(job.data.n);
        most = Math.max(most, ++now);
        await sleep(40);
        now--;
      },
      { concurrency: 3 },
    );
    await expect.poll(() => started.length + now, { timeout: 10_000 }).toBe(9);
    expect(most).toBe(3);
    // Three that ask in the same moment may get their jobs in any order.
    started.forEach((n, place) => expect(Math.abs(n - place), started.join()).toBeLessThan(3));
  });

  it_('leaves a failed job failed: retries are not its business', async () => {
    await fresh();
    let runs = 0;
    work(async () => {
      runs++;
      throw new Error('no such face');
    });
    const job = await queue.add('parse-face', {});
    await expect.poll(() => job.getState()).toBe('failed');
    await sleep(200);
    expect(runs).toBe(1);
    expect((await queue.getJob(job.id ?? ''))?.failedReason).toBe('no such face');
  });

  it_('hands out nothing while it is paused', async () => {
    await fresh();
    let runs = 0;
    work(async () => void runs++);
    await queue.pause();
    expect(await queue.isPaused()).toBe(true);
    await queue.add('parse-face', {});
    await sleep(300);
    expect(runs).toBe(0);
    await queue.resume();
    await expect.poll(() => runs, { timeout: 10_000 }).toBe(1);
  });

  it_('counts what waits, is worked on and is done', async () => {
    await fresh();
    const gate = Promise.withResolvers<void>();
    work(() => gate.promise);
    await queue.addBulk([1, 2, 3].map((n) => ({ name: 'parse-face', data: { n } })));
    await expect.poll(() => queue.getJobCounts('waiting', 'active', 'completed')).toEqual({ waiting: 2, active: 1, completed: 0 });
    gate.resolve();
    await expect.poll(() => queue.getJobCounts('waiting', 'active', 'completed')).toEqual({ waiting: 0, active: 0, completed: 3 });
  });

  it_('keeps what is done only as long as it is told', async () => {
    await fresh();
    expect(queue.defaultJobOptions).toMatchObject(JOB_OPTIONS);
    work(async () => undefined); // one at a time: jobs that end in the same moment do not see each other
    await queue.addBulk(
      Array.from({ length: 20 }, (_, n) => ({ name: 'parse-face', data: { n }, opts: { removeOnComplete: { count: 5 } } })),
    );
    await expect
      .poll(() => queue.getJobCounts('waiting', 'active', 'completed'), { timeout: 10_000 })
      .toEqual({ waiting: 0, active: 0, completed: 5 });
  });

  it_('ends its worker only when the job in hand is done', async () => {
    await fresh();
    const started = Promise.withResolvers<void>();
    let done = false;
    const worker = work(async () => {
      started.resolve();
      await sleep(300);
      done = true;
    });
    await queue.add('sample-portrait', {});
    await started.promise;
    await worker.close();
    expect(done).toBe(true);
    await queue.add('sample-portrait', {});
    await sleep(100);
    expect(await queue.getJobCounts('waiting', 'completed')).toEqual({ waiting: 1, completed: 1 });
  });

  it_('goes on after its server was away', { timeout: 30_000 }, async () => {
    await fresh();
    const seen: number[] = [];
    work(async (job: Job<{ n: number }>) => void seen.push(job.data.n));
    await queue.add('parse-face', { n: 1 });
    await expect.poll(() => seen).toEqual([1]);
    await backend.cut();
    await backend.back();
    const away = Date.now();
    await expect
      .poll(
        () =>
          queue.add('parse-face', { n: 2 }, { jobId: 'stg_c-1' }).then(
            () => true,
            () => false,
          ),
        { timeout: 10_000 },
      )
      .toBe(true);
    await expect.poll(() => seen, { timeout: 10_000 }).toContain(2);
    expect(Date.now() - away).toBeLessThan(3_000);
  });

  it_('gives the job of a killed process to another one within 15 s', { timeout: 40_000 }, async () => {
    await fresh();
    const script = `
      const { Worker } = await import('bullmq');
      const { queueOptions, WORKER_OPTIONS } = await import(${JSON.stringify(new URL('./index.ts', import.meta.url).href)});
      const { connection, prefix } = queueOptions(${JSON.stringify(backend.config)});
      new Worker(${JSON.stringify(name)}, () => (console.log('took it'), new Promise(() => {})), { connection, prefix, ...WORKER_OPTIONS });`;
    const child = spawn(process.execPath, ['--input-type=module', '--conditions=source', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    await queue.add('sample-portrait', {}, { jobId: 'stg_killed-1' });
    await once(child.stdout, 'data');
    const seen: string[] = [];
    work(async (job: Job) => void seen.push(String(job.id)));
    child.kill('SIGKILL');
    const killed = Date.now();
    await expect.poll(() => seen, { timeout: 20_000 }).toEqual(['stg_killed-1']);
    expect(Date.now() - killed).toBeLessThan(15_500);
  });

  it_('is fit for readiness while its server answers', async () => {
    await expect(checkQueue(backend.config)).resolves.toBeUndefined();
  });
});

describe('Redis', () => {
  it.runIf(redisServer !== undefined)('is refused while it may drop jobs', async () => {
    const server = await startRedis({ maxmemory: '100mb', 'maxmemory-policy': 'allkeys-lru' });
    await expect(checkQueue({ DATABASE_URL: '', REDIS_URL: server.url })).rejects.toThrow(
      'maxmemory-policy allkeys-lru; it must be noeviction',
    );
    await server.stop();
    await expect(checkQueue({ DATABASE_URL: '', REDIS_URL: server.url })).rejects.toThrow();
  });

  it.runIf(redisServer !== undefined)('that is away fails an addition within 2 s, and not those after it', async () => {
    const server = await startRedis();
    const queue = openQueue('away', { DATABASE_URL: '', REDIS_URL: server.url });
    await queue.waitUntilReady();
    await server.kill();
    const asked = Date.now();
    await expect(queue.add('parse-face', {})).rejects.toThrow();
    expect(Date.now() - asked).toBeLessThan(2_500);
    await server.start();
    await expect
      .poll(() =>
        queue.add('parse-face', {}).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    await queue.close();
    await server.stop();
  });
});
