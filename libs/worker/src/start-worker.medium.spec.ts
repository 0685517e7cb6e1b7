/** A worker as a process of its own, run from what was built, with the models that only move bytes, on both queues. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { newId, type GenerationId, type StageId } from '@likeness/contracts';
import { exec, json, many, one, openDb, sql, testDatabase, type Db, type TestDatabase } from '@likeness/platform/db';
import { openQueue } from '@likeness/platform/queue';
import { openSealedStore, type SealedStore } from '@likeness/platform/storage';
import { redisServer, startRedis, type TestServer } from '@likeness/platform/testing';
import type { Queue } from 'bullmq';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';

/** The worker of a queue with one handler; a prompt of "wait" works until it is told to stop. */
const samplePortrait = `async ({ stage, signal, load, keep, infer }) => {
  if (stage.input.prompt === 'wait') await new Promise((_, failed) => signal.addEventListener('abort', () => failed(signal.reason)));
  const { images } = await infer('samplePortrait', { ...stage.input, identity: (await load('identity')).bytes });
  for (const { bytes, contentType, width, height, seed } of images) await keep('images', { bytes, contentType, detail: { width, height, seed } });
}`;
const program = (handlers: string) => `
  const { startWorker, readWorkerConfig } = await import('@likeness/worker');
  await startWorker(['sample'], ${handlers}, readWorkerConfig());`;

const DATA_KEY_SECRET = 'a secret for tests of 32 characters or more';

/** A line of its log, as far as the tests read it. */
const Line = z.looseObject({ msg: z.string(), port: z.number().optional(), worker: z.string().optional() });

class WorkerProcess {
  readonly child: ChildProcess;
  readonly lines: z.infer<typeof Line>[] = [];
  stderr = '';

  constructor(handlers: string, environment: Record<string, string>) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program(handlers)], {
      cwd: import.meta.dirname, // where @likeness/worker is found
      env: { PATH: process.env.PATH, DEFAULT_PACK: 'noop', WORKER_SLOTS: '2', INFERENCE_THREADS: '1', DRAIN_SECONDS: '1', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    createInterface(child.stdout).on('line', (line) => void this.lines.push(Line.parse(JSON.parse(line))));
    child.stderr.on('data', (text: Buffer) => void (this.stderr += text.toString()));
    this.child = child;
  }

  /** The line of the log with this message, when it comes. */
  async says(msg: string): Promise<z.infer<typeof Line>> {
    const line = () => this.lines.find((said) => said.msg === msg);
    await vi.waitUntil(() => this.hasEnded || line() !== undefined, { timeout: 60_000 });
    const found = line();
    if (!found) throw new Error(`the worker ended without saying "${msg}": ${this.stderr}`);
    return found;
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Its exit code, null when a signal ended it. */
  async exited(): Promise<number | null> {
    if (!this.hasEnded) await once(this.child, 'exit');
    return this.child.exitCode;
  }
}

const Row = z.record(z.string(), z.unknown());

describe.each([
  ['Postgres', true],
  ['Redis', redisServer !== undefined],
])('a worker with its queue on %s', (backend, available) => {
  const it_ = it.runIf(available);
  let database: TestDatabase;
  let redis: TestServer | undefined;
  let folder: string;
  let db: Db;
  let store: SealedStore;
  let queue: Queue;
  let worker: WorkerProcess;
  const tenantId = newId('tenant');

  beforeAll(async () => {
    if (!available) return;
    database = await testDatabase();
    redis = backend === 'Redis' ? await startRedis() : undefined;
    folder = await mkdtemp(join(tmpdir(), 'likeness-worker-'));
    const config = { DATABASE_URL: database.url, REDIS_URL: redis?.url };
    const environment = {
      DATABASE_URL: database.url,
      OBJECT_STORE_URL: pathToFileURL(folder).href,
      DATA_KEY_SECRET,
      ...(redis && { REDIS_URL: redis.url }),
    };
    db = openDb(database.url, { max: 2 });
    store = openSealedStore(environment);
    queue = openQueue('diffusion', config);
    await exec(db, sql`INSERT INTO tenant (id, name, webhook_secret) VALUES (${tenantId}, 'studio', 'whsec_dGVzdA==')`);
    worker = new WorkerProcess(`{ 'sample-portrait': ${samplePortrait} }`, environment);
    await worker.says('ready');
  });
  afterAll(async () => {
    if (!available) return;
    worker.child.kill('SIGKILL');
    await worker.exited();
    await queue.close();
    await db.close();
    await database.drop();
    await redis?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** A generation whose last stage is in the queue. */
  async function sent(prompt: string): Promise<{ id: GenerationId; stageId: StageId }> {
    const [id, stageId] = [newId('generation'), newId('stage')];
    const key = `t/${tenantId}/${id}/embed/1/identity-0`;
    const dataKey = store.vault.newKey();
    await store.put(key, Buffer.from('face'), { contentType: 'application/octet-stream', dataKey });
    const input = { prompt, width: 1, height: 1, steps: 1, num_images: 2, numImages: 2, seed: 7 };
    await exec(
      db,
      sql`
      WITH created AS (
        INSERT INTO generation (id, tenant_id, status, stage, input, pack)
        VALUES (${id}, ${tenantId}, 'processing', 'sample', ${json(input)}::jsonb, ${json({ name: 'noop', version: '1', trained: false })}::jsonb)
        RETURNING id
      ), embedded AS (
        INSERT INTO artifact (id, generation_id, tenant_id, stage, name, object_key, data_key_id, content_type, size, sha256)
        SELECT ${newId('artifact')}, id, ${tenantId}, 'embed', 'identity', ${key}, id, 'application/octet-stream', 4, 'x' FROM created
      ), keyed AS (
        INSERT INTO data_key (id, tenant_id, wrapped) SELECT id, ${tenantId}, ${dataKey} FROM created
      )
      INSERT INTO stage (id, generation_id, tenant_id, name, queue, status, enqueued, enqueued_at)
      SELECT ${stageId}, id, ${tenantId}, 'sample', 'diffusion', 'queued', 1, now() FROM created`,
    );
    await queue.add('sample-portrait', { stageId }, { jobId: `${stageId}-1` });
    return { id, stageId };
  }
  const generation = (id: GenerationId) => one(db, Row, sql`SELECT * FROM generation WHERE id = ${id}`);
  const stage = (id: StageId) => one(db, Row, sql`SELECT * FROM stage WHERE id = ${id}`);
  const workers = () => many(db, Row, sql`SELECT * FROM worker`);

  it_('takes its place: a row with its slots, and a health port that answers', async () => {
    const { port } = await worker.says('health port is listening');
    const { worker: id } = await worker.says('took its place');
    expect(await workers()).toMatchObject([{ id, class: 'diffusion', slots: 2, pid: worker.child.pid, state: 'idle' }]);
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([200, { status: 'ok' }]);
  });

  it_('carries a stage from its message to the end of the generation', async () => {
    const { id, stageId } = await sent('a person');
    await expect.poll(async () => (await generation(id))?.['status'], { timeout: 10_000 }).toBe('succeeded');
    expect(await generation(id)).toMatchObject({ images: 2, stage: null, error: null, gpu_seconds: expect.any(Number) });
    expect(await stage(stageId)).toMatchObject({ status: 'succeeded', attempt: 1 });
    const images = await many(
      db,
      z.object({ index: z.number(), object_key: z.string(), size: z.number(), detail: Row }),
      sql`SELECT index, object_key, size, detail FROM artifact WHERE generation_id = ${id} AND name = 'images' ORDER BY index`,
    );
    expect(images.map(({ index, detail }) => [index, detail])).toEqual([
      [0, { width: 1, height: 1, seed: 7 }],
      [1, { width: 1, height: 1, seed: 8 }],
    ]);
    const key = await one(db, z.object({ wrapped: z.instanceof(Uint8Array) }), sql`SELECT wrapped FROM data_key WHERE id = ${id}`);
    for (const { object_key, size } of images) expect(await store.get(object_key, key?.wrapped ?? null)).toHaveLength(size);
    await expect.poll(() => queue.getJobCountByTypes('completed')).toBe(1);
  });

  it_('works on as many stages at once as it has slots, and hears of a cancel', async () => {
    const both = [await sent('wait'), await sent('wait')];
    for (const { stageId } of both)
      await expect.poll(async () => (await stage(stageId))?.['status'], { timeout: 10_000 }).toBe('processing');
    await expect.poll(workers).toMatchObject([{ state: 'busy' }]);
    for (const { id } of both) await exec(db, sql`UPDATE generation SET cancel_requested_at = now() WHERE id = ${id}`);
    for (const { id } of both) await expect.poll(async () => (await generation(id))?.['status'], { timeout: 10_000 }).toBe('canceled');
    await expect.poll(workers).toMatchObject([{ state: 'idle' }]);
  });

  it_.each([
    ['of another queue', 'parse-face', { stageId: newId('stage') }, 'the queue diffusion has no job parse-face'],
    ['with a payload that breaks its contract', 'sample-portrait', { stageId: 'seventeen' }, 'stageId'],
  ])('refuses a message %s, and goes on', async (_what, name, data, reason) => {
    const job = await queue.add(name, data);
    await expect.poll(() => job.getState(), { timeout: 10_000 }).toBe('failed');
    expect((await queue.getJob(job.id ?? ''))?.failedReason).toContain(reason);
    expect(worker.hasEnded).toBe(false);
  });

  it_('finds its servers again when every connection has broken, and has told it in its log alone', { timeout: 30_000 }, async () => {
    const known = worker.lines.length;
    if (redis) {
      await redis.kill();
      await sleep(500);
      await redis.start();
    }
    const broken = sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`;
    await exec(db, broken);
    await expect.poll(() => worker.lines.slice(known).some(({ msg }) => msg === 'the queue is away')).toBe(true);
    await sleep(500); // the tests' own connections are made anew as well
    const { id } = await sent('a person');
    await expect.poll(async () => (await generation(id))?.['status'], { timeout: 20_000 }).toBe('succeeded');
    expect(worker.stderr).toBe('');
  });

  it_('hands back on SIGTERM what does not end in time, leaves its row, and ends well', { timeout: 30_000 }, async () => {
    const { id, stageId } = await sent('wait');
    await expect.poll(async () => (await stage(stageId))?.['status'], { timeout: 10_000 }).toBe('processing');
    worker.child.kill('SIGTERM');
    await expect.poll(workers).toMatchObject([{ state: 'draining' }]);
    expect(await worker.exited()).toBe(0);
    expect(await stage(stageId)).toMatchObject({ status: 'queued', attempt: 1, max_attempts: 4, worker_id: null });
    expect(await generation(id)).toMatchObject({ status: 'processing' });
    expect(await many(db, Row, sql`SELECT job FROM outbox WHERE ref_id = ${stageId}`)).toEqual([{ job: 'sample-portrait' }]);
    expect(await workers()).toEqual([]);
  });
});

describe('a worker with the wrong handlers', () => {
  it.each([
    ['none', '{}', 'sample-portrait'],
    ['one of another queue', `{ 'sample-portrait': async () => {}, 'parse-face': async () => {} }`, 'parse-face'],
  ])('does not boot: %s', async (_what, handlers, wrong) => {
    const nowhere = { DATABASE_URL: 'postgres://127.0.0.1:1/none', OBJECT_STORE_URL: 'file:///none', DATA_KEY_SECRET };
    const worker = new WorkerProcess(handlers, nowhere);
    expect(await worker.exited()).toBe(1);
    expect(worker.stderr).toContain(`a worker of sample needs exactly one handler for each of its jobs; wrong: ${wrong}`);
    expect(worker.lines).toEqual([]);
  });
});
