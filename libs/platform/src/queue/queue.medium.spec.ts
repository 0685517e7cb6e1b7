/** One suite over both backends: what the apps rely on holds on Redis and on Postgres. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker, type Job, type WorkerOptions } from 'bullmq';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { testDatabase, type TestDatabase } from '../db/index.ts';
import { redisServer, startRedis } from '../testing/index.ts';
import { checkQueue, JOB_OPTIONS, openQueue, queueOptions, WORKER_OPTIONS, type QueueConfig } from './index.ts';

const redis = redisServer === undefined ? undefined : await startRedis({ 'maxmemory-policy': 'noeviction' });
let database: TestDatabase;

beforeAll(async () => void (database = await testDatabase()));
afterAll(async () => {
  await redis?.stop();
  await database.drop();
});

/** Closed after each test, the last one first. */
const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

const backends = [
  { backend: 'Postgres', missing: false, config: (): QueueConfig => ({ DATABASE_URL: database.url, REDIS_URL: undefined }) },
  { backend: 'Redis', missing: !redis, config: (): QueueConfig => ({ DATABASE_URL: database.url, REDIS_URL: redis?.url }) },
];

describe.each(backends)('the queue on $backend', ({ missing, config }) => {
  const queueNamed = (name: string) => {
    const queue = openQueue(name, config());
    opened.push(() => queue.close());
    return queue;
  };
  const fresh = () => queueNamed(`test-${randomUUID()}`);
  const consume = (name: string, handle: (job: Job) => Promise<unknown>, options: Partial<WorkerOptions> = {}) => {
    const worker = new Worker(name, handle, { ...queueOptions(config()), ...WORKER_OPTIONS, ...options });
    worker.on('error', () => undefined); // servers go away on purpose here
    opened.push(() => worker.close());
    return worker;
  };
  const until = (check: () => unknown, timeout = 10_000) => vi.waitFor(check, { timeout, interval: 20 });

  it.skipIf(missing)('hands a job to a consumer and keeps its result', async () => {
    const queue = fresh();
    const job = await queue.add('parse', { stageId: 'stg_1' });
    consume(queue.name, async ({ name, data }) => ({ name, data: data as unknown }));
    await until(async () => expect(await job.getState()).toBe('completed'));
    expect((await queue.getJob(job.id!))?.returnvalue).toEqual({ name: 'parse', data: { stageId: 'stg_1' } });
  });

  it.skipIf(missing)('wakes a consumer that waits', async () => {
    const queue = fresh();
    const taken = Promise.withResolvers<number>();
    const worker = consume(queue.name, async () => taken.resolve(performance.now()));
    await worker.waitUntilReady();
    await sleep(300); // it has found nothing and waits
    const added = performance.now();
    await queue.add('parse', {});
    expect((await taken.promise) - added).toBeLessThan(500); // its own poll is seconds away
  });

  it.skipIf(missing)('takes jobs in bulk, in order, each id once', async () => {
    const queue = fresh();
    const job = (n: number) => ({ name: 'parse', data: { n }, opts: { jobId: `stage-${n}` } });
    await queue.addBulk(Array.from({ length: 100 }, (_, n) => job(n)));
    await queue.addBulk([job(3), job(100), job(100)]);
    expect(await queue.getWaitingCount()).toBe(101);
    const order: number[] = [];
    consume(queue.name, async ({ data }: Job<{ n: number }>) => order.push(data.n));
    await until(async () => expect(await queue.getCompletedCount()).toBe(101));
    expect(order).toEqual(Array.from({ length: 101 }, (_, n) => n));
  });

  it.skipIf(missing)('ignores an id it still knows, also of a finished job', async () => {
    const queue = fresh();
    const handle = vi.fn(async () => undefined);
    await queue.add('parse', {}, { jobId: 'stage-1' });
    consume(queue.name, handle);
    await until(async () => expect(await queue.getCompletedCount()).toBe(1));
    await queue.add('parse', {}, { jobId: 'stage-1' });
    await queue.add('parse', {}, { jobId: 'stage-2' });
    await until(async () => expect(await queue.getCompletedCount()).toBe(2));
    expect(handle).toHaveBeenCalledTimes(2);
  });

  it.skipIf(missing)('runs as many jobs at once as a consumer allows, no more', async () => {
    const queue = fresh();
    let running = 0;
    let most = 0;
    await queue.addBulk(Array.from({ length: 12 }, () => ({ name: 'parse', data: {} })));
    const handle = async () => {
      most = Math.max(most, ++running);
      await sleep(50);
      running--;
    };
    consume(queue.name, handle, { concurrency: 3 });
    await until(async () => expect(await queue.getCompletedCount()).toBe(12));
    expect(most).toBe(3);
  });

  it.skipIf(missing)('does not try a failed job again', async () => {
    const queue = fresh();
    const handle = vi.fn(async () => Promise.reject(new Error('no face')));
    const job = await queue.add('parse', {});
    consume(queue.name, handle);
    await until(async () => expect(await job.getState()).toBe('failed'));
    await sleep(200);
    expect(handle).toHaveBeenCalledTimes(1);
    expect((await queue.getJob(job.id!))?.failedReason).toBe('no face');
  });

  it.skipIf(missing)('counts jobs by state', async () => {
    const queue = fresh();
    const gate = Promise.withResolvers<void>();
    const handle = async ({ name }: Job) => {
      if (name === 'failing') throw new Error('on purpose');
      if (name === 'slow') await gate.promise;
    };
    await queue.addBulk(['quick', 'failing', 'slow', 'quick', 'quick'].map((name) => ({ name, data: {} })));
    consume(queue.name, handle);
    await until(async () =>
      expect(await queue.getJobCounts('waiting', 'active', 'completed', 'failed')).toEqual({
        waiting: 2,
        active: 1,
        completed: 1,
        failed: 1,
      }),
    );
    gate.resolve();
  });

  it.skipIf(missing)('holds jobs back while it is paused', async () => {
    const queue = fresh();
    await queue.pause();
    const handle = vi.fn(async () => undefined);
    consume(queue.name, handle);
    await queue.add('parse', {});
    await sleep(500);
    expect(handle).not.toHaveBeenCalled();
    expect(await queue.isPaused()).toBe(true);
    await queue.resume();
    await until(() => expect(handle).toHaveBeenCalledTimes(1));
  });

  it.skipIf(missing)('forgets finished jobs beyond the number that is kept', async () => {
    const queue = fresh();
    expect((await queue.add('parse', {})).opts).toMatchObject(JOB_OPTIONS);
    const keepTwo = { removeOnComplete: { age: 3_600, count: 2 } };
    await queue.addBulk(Array.from({ length: 9 }, () => ({ name: 'parse', data: {}, opts: keepTwo })));
    const handle = vi.fn(async () => undefined);
    consume(queue.name, handle);
    await until(async () => {
      expect(handle).toHaveBeenCalledTimes(10);
      expect(await queue.getJobCounts('waiting', 'active', 'completed')).toEqual({ waiting: 0, active: 0, completed: 2 });
    });
  });

  it.skipIf(missing)('gives the job of a killed consumer to another one within 15 s', { timeout: 60_000 }, async () => {
    const queue = fresh();
    const job = await queue.add('parse', { stageId: 'stg_1' });
    const file = fileURLToPath(new URL('../testing/stuck-consumer.ts', import.meta.url));
    const child = spawn(process.execPath, ['--conditions=source', file, queue.name], {
      env: { ...process.env, QUEUE_CONFIG: JSON.stringify(config()) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    opened.push(async () => void child.kill('SIGKILL'));
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    expect(said.toString().trim()).toBe(`took ${job.id}`);

    const taken = Promise.withResolvers<number>();
    consume(queue.name, async () => taken.resolve(performance.now()));
    child.kill('SIGKILL');
    const killed = performance.now();
    const seconds = ((await taken.promise) - killed) / 1_000;
    expect(seconds).toBeGreaterThan(1); // not while the lock held: then the test would show nothing
    expect(seconds).toBeLessThan(15.5);
    await until(async () => expect(await job.getState()).toBe('completed'));
  });

  it.skipIf(missing)('lets a consumer finish its job before it closes', async () => {
    const queue = fresh();
    const started = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    const worker = consume(queue.name, async () => {
      started.resolve();
      await finish.promise;
    });
    const [first, second] = [await queue.add('parse', {}), await queue.add('parse', {})];
    await started.promise;
    let closed = false;
    const closing = worker.close().then(() => (closed = true));
    await sleep(200);
    expect(closed).toBe(false);
    finish.resolve();
    await closing;
    expect(await first.getState()).toBe('completed');
    expect(await second.getState()).toBe('waiting');
  });
});

describe('an outage', () => {
  it('of Postgres breaks connections, not the process', async () => {
    const config: QueueConfig = { DATABASE_URL: database.url, REDIS_URL: undefined };
    const errors: Error[] = [];
    const queue = openQueue(`test-${randomUUID()}`, config, { onError: (error) => errors.push(error) });
    opened.push(() => queue.close());
    const handle = vi.fn(async () => undefined);
    const worker = new Worker(queue.name, handle, { ...queueOptions(config), ...WORKER_OPTIONS });
    worker.on('error', (error) => errors.push(error));
    opened.push(() => worker.close());
    await queue.add('parse', {});
    await vi.waitFor(() => expect(handle).toHaveBeenCalledTimes(1), { timeout: 10_000 });

    const admin = new pg.Client({ connectionString: database.url });
    await admin.connect();
    const { rowCount } = await admin.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    );
    await admin.end();
    expect(rowCount).toBeGreaterThan(0);
    await vi.waitFor(() => expect(errors).not.toHaveLength(0), { timeout: 5_000 });
    await vi.waitFor(async () => void (await queue.add('parse', {}, { jobId: 'after' })), { timeout: 5_000 });
    await vi.waitFor(() => expect(handle).toHaveBeenCalledTimes(2), { timeout: 10_000 });
  });

  it.skipIf(!redis)('of Redis fails an add in time, and work flows within 3 s of its return', async () => {
    const own = await startRedis();
    opened.push(() => own.stop());
    const config: QueueConfig = { DATABASE_URL: database.url, REDIS_URL: own.url };
    const queue = openQueue(`test-${randomUUID()}`, config);
    opened.push(() => queue.close());
    const handle = vi.fn(async () => undefined);
    const worker = new Worker(queue.name, handle, { ...queueOptions(config), ...WORKER_OPTIONS });
    worker.on('error', () => undefined); // it says so once per attempt
    opened.push(() => worker.close());
    await queue.add('parse', {});
    await vi.waitFor(() => expect(handle).toHaveBeenCalledTimes(1), { timeout: 10_000 });

    await own.kill();
    const asked = performance.now();
    await expect(queue.add('parse', {})).rejects.toThrow();
    expect(performance.now() - asked).toBeLessThan(2_500);

    await own.start();
    const returned = performance.now();
    await vi.waitFor(async () => void (await queue.add('parse', {}, { jobId: 'after' })), { timeout: 5_000, interval: 50 });
    await vi.waitFor(() => expect(handle).toHaveBeenCalledTimes(2), { timeout: 10_000, interval: 20 });
    expect(performance.now() - returned).toBeLessThan(3_000);
  });

  it.skipIf(!redis)('is what readiness asks for, as well as a policy that drops nothing', async () => {
    const config = (url: string): QueueConfig => ({ DATABASE_URL: database.url, REDIS_URL: url });
    await expect(checkQueue(config(redis!.url))).resolves.toBeUndefined();
    const evicting = await startRedis({ 'maxmemory-policy': 'allkeys-lru' });
    try {
      await expect(checkQueue(config(evicting.url))).rejects.toThrow('allkeys-lru; it must be noeviction');
    } finally {
      await evicting.stop();
    }
    await expect(checkQueue(config(evicting.url))).rejects.toThrow(/ECONNREFUSED|closed/);
  });
});
