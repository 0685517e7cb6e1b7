/** The worker as a process of its own, run from what was built, with real models: stopped in mid-sampling, and canceled. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { newId, type GenerationId, type StageId } from '@likeness/contracts';
import { openStages, type SamplePortraitInput } from '@likeness/pipeline';
import { exec, json, many, one, openDb, sql, testDatabase, type Db } from '@likeness/platform/db';
import { openQueue } from '@likeness/platform/queue';
import { openSignals, type Signals } from '@likeness/platform/signals';
import { openSealedStore, type SealedStore } from '@likeness/platform/storage';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { z } from 'zod';

const PACK = 'sketch';
const input = {
  prompt: 'A man wearing a santa hat', negative_prompt: '', num_images: 2, width: 256, height: 256, steps: 40, scheduler: 'euler_ancestral',
  guidance_scale: 5, merge_step: 10, identity_scale: 1, seed: 7, format: 'png', facial_regions: ['face', 'eyes', 'nose', 'mouth'],
} as const; // prettier-ignore

const Line = z.looseObject({ msg: z.string(), resumedAt: z.number().optional() });

class DiffusionWorker {
  readonly child: ChildProcess;
  readonly lines: z.infer<typeof Line>[] = [];

  constructor(environment: Record<string, string>) {
    this.child = spawn(process.execPath, [fileURLToPath(new URL('../dist/main.js', import.meta.url))], {
      env: { PATH: process.env.PATH, DEFAULT_PACK: PACK, INFERENCE_THREADS: '1', DRAIN_SECONDS: '1', PREVIEW_MS: '100', ...environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    createInterface(this.child.stdout!).on('line', (line) => void this.lines.push(Line.parse(JSON.parse(line))));
  }

  async says(msg: string): Promise<z.infer<typeof Line>> {
    await vi.waitUntil(() => this.lines.some((line) => line.msg === msg), { timeout: 60_000 });
    return this.lines.find((line) => line.msg === msg)!;
  }

  async stop(): Promise<number | null> {
    if (this.child.exitCode === null) {
      this.child.kill('SIGTERM');
      await once(this.child, 'exit');
    }
    return this.child.exitCode;
  }
}

const tenantId = newId('tenant');
let folder: string;
let environment: Record<string, string>;
let db: Db;
let store: SealedStore;
let queue: ReturnType<typeof openQueue>;
let signals: Signals;
let drop: () => Promise<void>;
let identity: Uint8Array;
let uninterrupted: string[];
const started: DiffusionWorker[] = [];
const start = async () => {
  const worker = new DiffusionWorker(environment);
  started.push(worker);
  await worker.says('ready');
  return worker;
};

beforeAll(async () => {
  const database = await testDatabase();
  folder = await mkdtemp(join(tmpdir(), 'likeness-diffusion-'));
  const DATA_KEY_SECRET = 'a secret for tests of 32 characters or more';
  environment = { DATABASE_URL: database.url, OBJECT_STORE_URL: pathToFileURL(folder).href, DATA_KEY_SECRET };
  db = openDb(database.url, { max: 2 });
  store = openSealedStore({ OBJECT_STORE_URL: environment['OBJECT_STORE_URL']!, DATA_KEY_SECRET });
  const config = { DATABASE_URL: database.url, REDIS_URL: undefined };
  queue = openQueue('diffusion', config);
  signals = openSignals(config);
  await exec(db, sql`INSERT INTO tenant (id, name, webhook_secret) VALUES (${tenantId}, 'studio', 'whsec_dGVzdA==')`);
  drop = () => db.close().then(() => database.drop());

  const stages = await openStages(PACK, { threads: 1 });
  const reference = await readFile(new URL('../../../samples/portrait.jpg', import.meta.url));
  const parsed = await stages.parseFace({ reference, facialRegions: input.facial_regions });
  ({ identity } = await stages.embedIdentity({ reference, ...parsed }));
  const { prompt, negative_prompt, num_images, guidance_scale, merge_step, identity_scale, facial_regions: _, ...same } = input;
  const names = { negativePrompt: negative_prompt, numImages: num_images, guidanceScale: guidance_scale, mergeStep: merge_step, identityScale: identity_scale }; // prettier-ignore
  const { images } = await stages.samplePortrait({ prompt, identity, ...same, ...names } satisfies SamplePortraitInput);
  uninterrupted = images.map(({ sha256 }) => sha256);
  await stages.release();
});
afterAll(async () => {
  await Promise.all(started.map((worker) => worker.stop()));
  await signals.close();
  await queue.close();
  await drop();
  await rm(folder, { recursive: true, force: true });
});

/** A generation whose last stage is in the queue. */
async function sent(): Promise<{ id: GenerationId; stageId: StageId }> {
  const [id, stageId] = [newId('generation'), newId('stage')];
  const key = `t/${tenantId}/${id}/embed/1/identity-0`;
  const dataKey = store.vault.newKey();
  await store.put(key, identity, { contentType: 'application/octet-stream', dataKey });
  await exec(
    db,
    sql`
    WITH created AS (
      INSERT INTO generation (id, tenant_id, status, stage, input, pack)
      VALUES (${id}, ${tenantId}, 'processing', 'sample', ${json(input)}::jsonb, ${json({ name: PACK, version: '1', trained: false })}::jsonb)
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

const Row = z.looseObject({ status: z.string() });
const generation = (id: string) => one(db, Row, sql`SELECT * FROM generation WHERE id = ${id}`);
const stage = (id: string) => one(db, Row, sql`SELECT * FROM stage WHERE id = ${id}`);
const progress = async (id: string) => (await generation(id))?.['progress'] as { step: number; total: number; preview?: string } | null;
const stepsMade = async (id: string) => (await progress(id))?.step ?? 0;
async function keysOf(id: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(`t/${tenantId}/${id}/`)) keys.push(key.split('/').slice(3).join('/'));
  return keys.sort();
}

it('is stopped in mid-sampling twice, and the portraits are those of an undisturbed run', { timeout: 180_000 }, async () => {
  const { id, stageId } = await sent();
  for (const [attempt, step] of [
    [1, 10],
    [2, 45],
  ] as const) {
    // prettier-ignore
    const worker = await start();
    await expect.poll(() => stepsMade(id), { timeout: 60_000, interval: 20 }).toBeGreaterThan(step);
    expect(await worker.stop()).toBe(0);
    const saved = { object_key: `t/${tenantId}/${id}/sample/${attempt}/resume-0` };
    expect(await stage(stageId)).toMatchObject({ status: 'queued', attempt, max_attempts: 3 + attempt, error: null, resume: saved });
    expect(await keysOf(id)).toEqual(['embed/1/identity-0', `sample/${attempt}/resume-0`]);
    await queue.add('sample-portrait', { stageId }, { jobId: `${stageId}-${attempt + 1}` }); // the relay's part
  }
  const last = await start();
  await expect.poll(async () => (await generation(id))?.status, { timeout: 60_000 }).toBe('succeeded');
  const { resumedAt } = await last.says('went on from where an earlier attempt had stopped');
  expect(resumedAt).toBeGreaterThan(45);
  expect(resumedAt).toBeLessThan(80);

  const Image = z.object({ object_key: z.string(), sha256: z.string() });
  const images = await many(
    db,
    Image,
    sql`SELECT object_key, sha256 FROM artifact WHERE generation_id = ${id} AND name = 'images' ORDER BY index`,
  );
  const key = await one(db, z.object({ wrapped: z.instanceof(Uint8Array) }), sql`SELECT wrapped FROM data_key WHERE id = ${id}`);
  const bytes = await Promise.all(images.map(({ object_key }) => store.get(object_key, key!.wrapped)));
  expect(bytes.map((picture) => createHash('sha256').update(picture).digest('hex'))).toEqual(uninterrupted);
  expect(await keysOf(id)).toEqual(['embed/1/identity-0', 'sample/3/images-0', 'sample/3/images-1']);
  await last.stop();
});

it('shows previews, stops within a step of a cancel, and is free for the next stage', { timeout: 120_000 }, async () => {
  await start();
  const { id, stageId } = await sent();
  await expect.poll(async () => (await progress(id))?.preview, { timeout: 60_000 }).toMatch(/\/sample\/1\/preview-\d+$/);
  const next = await sent(); // waits for the one slot
  await exec(db, sql`UPDATE generation SET cancel_requested_at = now() WHERE id = ${id}`);
  const asked = performance.now();
  signals.publish('cancel', id);
  await expect.poll(async () => (await stage(stageId))?.status, { interval: 5 }).toBe('canceled');
  const ended = performance.now() - asked;
  await expect.poll(async () => (await stage(next.stageId))?.status, { interval: 5 }).toBe('processing');
  const free = performance.now() - asked;
  expect(ended).toBeLessThan(1_000);
  expect(free).toBeLessThan(1_500);
  expect(await keysOf(id)).toEqual(['embed/1/identity-0']);
});
