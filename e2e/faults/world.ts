/** The whole system as real processes, with a proxy between every two parts, and what the faults need to get at them. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate, openDb, startEmbeddedPostgres, type Db, type EmbeddedPostgres } from '@likeness/platform/db';
import { openQueue } from '@likeness/platform/queue';
import { openObjectStore, type ObjectStore } from '@likeness/platform/storage';
import { startRedis, startS3, type TestServer } from '../../libs/platform/src/testing/index.ts';
import { Client } from '../../tools/stack/client.ts';
import { startStack, type Stack } from '../../tools/stack/stack.ts';
import { recordChanges } from './database.ts';
import { ObjectStoreFaults } from './object-store-faults.ts';
import { Receivers } from './receivers.ts';
import { TcpProxy } from './tcp-proxy.ts';

export const PROFILES = ['embedded', 'distributed'] as const;
export type Profile = (typeof PROFILES)[number];
export type Queue = ReturnType<typeof openQueue>;

/** Where a proxy stands: between the processes and this. */
export type Border = 'postgres' | 'redis' | 's3' | 'receivers';

export interface World {
  readonly profile: Profile;
  readonly stack: Stack;
  readonly client: Client;
  readonly receivers: Receivers;
  readonly proxies: Readonly<Partial<Record<Border, TcpProxy>>>;
  /** Past the proxies, so that the run sees what is there while the processes do not. */
  readonly db: Db;
  readonly store: ObjectStore;
  readonly queues: Readonly<Record<string, Queue>>;
  readonly postgres: RestartablePostgres;
  readonly redis: TestServer | undefined;
  readonly objects: ObjectStoreFaults | undefined;
  readonly workers: Readonly<Record<string, number>>;
  /** Where a process looks for the shift of its clock. */
  readonly clocks: string;
  /** `keep`: leaves the logs where they are; returns their folder. */
  close(keep: boolean): Promise<string>;
}

/** The embedded Postgres on its own, so that it can be lost and be back while the system runs. */
export class RestartablePostgres {
  readonly #dir: string;
  readonly #moved: (port: number) => void;
  #server: EmbeddedPostgres;

  private constructor(dir: string, server: EmbeddedPostgres, moved: (port: number) => void) {
    this.#dir = dir;
    this.#server = server;
    this.#moved = moved;
  }

  static async start(dir: string): Promise<{ postgres: RestartablePostgres; direct: TcpProxy }> {
    const server = await startEmbeddedPostgres({ dir });
    // The run's own way to it: an address that stays when the server comes back on another port.
    const direct = await TcpProxy.start(server.port);
    const postgres = new RestartablePostgres(dir, server, (port) => direct.retarget(port));
    return { postgres, direct };
  }

  urlThrough({ port }: TcpProxy): string {
    const url = new URL(this.#server.url);
    url.port = String(port);
    return url.href;
  }

  /** An immediate stop: no session is told, nothing is flushed; the next start recovers from the log. */
  async crash(db: Db): Promise<void> {
    const { rows } = await db.pool.query<{ pid: string }>(`SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1) AS pid`);
    process.kill(Number(rows[0]?.pid), 'SIGQUIT');
    await this.#server.stop();
  }

  async start(): Promise<void> {
    this.#server = await startEmbeddedPostgres({ dir: this.#dir });
    this.#moved(this.#server.port);
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }
}

export async function startWorld(profile: Profile, say: (line: string) => void): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'likeness-faults-'));
  const undo: (() => Promise<unknown>)[] = [];
  const close = async (keep: boolean) => {
    for (const step of undo.splice(0).reverse()) await step().catch((error: unknown) => say(`while stopping: ${String(error)}`));
    if (!keep) await rm(folder, { recursive: true, force: true });
    return join(folder, 'data', 'logs');
  };
  try {
    return await startParts(profile, folder, undo, close, say);
  } catch (error) {
    await close(false);
    throw error;
  }
}

async function startParts(
  profile: Profile,
  folder: string,
  undo: (() => Promise<unknown>)[],
  close: World['close'],
  say: (line: string) => void,
): Promise<World> {
  const proxied = async (port: number) => {
    const proxy = await TcpProxy.start(port);
    undo.push(() => proxy.close());
    return proxy;
  };
  say(`starting the servers of the ${profile} profile`);
  const receivers = await Receivers.start();
  undo.push(() => receivers.close());
  const { postgres, direct } = await RestartablePostgres.start(join(folder, 'postgres'));
  undo.push(
    () => postgres.stop(),
    () => direct.close(),
  );
  const proxies: Partial<Record<Border, TcpProxy>> = {
    postgres: await proxied(direct.port),
    receivers: await proxied(receivers.port),
  };
  const { redis, s3, objects } = profile === 'distributed' ? await startDistributed(undo) : {};
  if (redis) proxies.redis = await proxied(Number(new URL(redis.url).port));
  if (objects) proxies.s3 = await proxied(objects.port);

  const db = openDb(postgres.urlThrough(direct), { max: 4, name: 'likeness-faults', statementTimeoutMs: 60_000 });
  undo.push(() => db.close());
  await migrate(postgres.urlThrough(direct));
  await recordChanges(db);
  const clocks = join(folder, 'clocks');
  await mkdir(clocks);

  const workers = profile === 'distributed' ? { parsing: 1, embedding: 1, diffusion: 2 } : { parsing: 1, embedding: 1, diffusion: 1 };
  const through = (url: string | undefined, proxy: TcpProxy | undefined) => url?.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${proxy?.port}`);
  const stack = await startStack({
    port: 0,
    data: join(folder, 'data'),
    pack: 'noop',
    workers,
    allowPrivateNetworks: undefined,
    rateLimit: 1_000_000,
    maxActive: 1_000_000,
    quota: undefined,
    databaseUrl: postgres.urlThrough(proxies.postgres as TcpProxy),
    redisUrl: through(redis?.url, proxies.redis),
    s3Url: through(s3?.url, proxies.s3),
    exemptAddresses: [`127.0.0.1:${proxies.receivers?.port}`],
    env: {
      NODE_OPTIONS: `--import ${new URL('./clock-jump.ts', import.meta.url).href}`,
      LIKENESS_FAULTS_CLOCKS: clocks,
      INFERENCE_THREADS: '1',
    },
    say,
  });
  undo.push(() => stack.stop());
  receivers.expectSecret('job', stack.connection().webhook_secret);
  const config = { DATABASE_URL: postgres.urlThrough(direct), REDIS_URL: redis?.url };
  const queues = Object.fromEntries(Object.keys(workers).map((name) => [name, openQueue(name, config)]));
  undo.push(() => Promise.all(Object.values(queues).map((queue) => queue.close())));
  const store = openObjectStore(s3?.url ?? new URL(`file://${join(stack.directory.path, 'objects')}`).href);
  const client = new Client(stack.url, stack.connection().api_key);
  return { profile, stack, client, receivers, proxies, db, store, queues, postgres, redis, objects, workers, clocks, close };
}

async function startDistributed(undo: (() => Promise<unknown>)[]) {
  const redis = await startRedis();
  undo.push(() => redis.stop());
  const s3 = await startS3('likeness-faults');
  undo.push(() => s3.stop());
  const objects = await ObjectStoreFaults.start(Number(new URL(s3.url.replace('s3:', 'http:')).port));
  undo.push(() => objects.close());
  return { redis, s3, objects };
}
