/**
 * The whole system on one machine: database, processes, keys. `npm start`, the end-to-end tests and the benchmarks start it
 * with the same function, so what they measure is what a user runs.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { migrate, openDb, startEmbeddedPostgres } from '@likeness/platform/db';
import { freePort } from '@likeness/platform/config';
import { seedDefaultTenant } from '../../apps/api/src/setup/default-tenant.ts';
import { openDataDirectory, writeAtomically, type DataDirectory } from './data-directory.ts';
import { SupervisedProcess } from './supervise.ts';
import type { StartOptions } from './options.ts';

export type StackOptions = Pick<
  StartOptions,
  'port' | 'data' | 'pack' | 'workers' | 'allowPrivateNetworks' | 'rateLimit' | 'maxActive' | 'quota' | 'databaseUrl' | 'redisUrl' | 's3Url'
> & {
  /** `host:port` of receivers on this machine that webhooks may be sent to although the address is private. */
  readonly exemptAddresses?: readonly string[];
  /** One process has all three worker classes, instead of a process for each. */
  readonly oneWorkerProcess?: boolean;
  /** A checkout of another version, built: the workers are its. */
  readonly workersFrom?: string;
  /** More environment for every process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly say?: (line: string) => void;
};

/** What `connection.json` holds while the stack serves. */
export interface Connection {
  readonly url: string;
  readonly api_key: string;
  readonly admin_key: string;
  readonly webhook_secret: string;
  readonly pids: Record<string, number | number[] | undefined>;
}

export interface Stack {
  readonly url: string;
  readonly directory: DataDirectory;
  readonly databaseUrl: string;
  connection(): Connection;
  stop(): Promise<void>;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Processes get this long to drain; with the database's own stop all is over within 15 s. */
const DRAIN_MS = 11_000;
const ALL_STAGES = 'all-stages-worker';
const READY_TIMEOUT_MS = 120_000;

export async function startStack(options: StackOptions): Promise<Stack> {
  const say = options.say ?? (() => undefined);
  const directory = await openDataDirectory(options.data);
  const undo: (() => Promise<unknown>)[] = [() => directory.release()];
  const stop = once(async () => {
    for (const step of undo.reverse()) await step();
  });
  try {
    let databaseUrl = options.databaseUrl;
    if (databaseUrl === undefined) {
      say('starting the database');
      const postgres = await startEmbeddedPostgres({ dir: join(directory.path, 'postgres') });
      undo.push(() => postgres.stop());
      databaseUrl = postgres.url;
    }
    await migrate(databaseUrl);
    const db = openDb(databaseUrl, { max: 1 });
    const { api_key: apiKey, admin_key: adminKey, webhook_secret } = directory.secrets;
    const webhookSecret = await seedDefaultTenant(db, { apiKey, adminKey, webhookSecret: webhook_secret, limits: options });
    await db.close();

    const port = options.port === 0 ? await freePort() : options.port;
    const url = `http://127.0.0.1:${port}`;
    const environment = await environmentFor(options, directory, databaseUrl, url, port);
    await mkdir(join(directory.path, 'logs'), { recursive: true });

    say('starting the api, the dispatcher and the workers');
    const processes: SupervisedProcess[] = [];
    const connection = (): Connection => ({
      url,
      api_key: directory.secrets.api_key,
      admin_key: directory.secrets.admin_key,
      webhook_secret: webhookSecret,
      pids: pidsOf(processes),
    });
    // One after another: two processes may be started again in the same moment.
    let writing = Promise.resolve();
    const writeConnection = () =>
      (writing = writing.then(() =>
        writeAtomically(join(directory.path, 'connection.json'), JSON.stringify(connection(), null, 2) + '\n'),
      ));
    undo.push(() => writing);
    const launch = (app: string, name = app, main = join(root, 'apps', app, 'dist', 'main.js')) =>
      processes.push(
        new SupervisedProcess(
          {
            name,
            main,
            env: environment,
            logFile: join(directory.path, 'logs', `${name}.log`),
          },
          (died) => {
            say(`${died} had died and was started again`);
            void writeConnection();
          },
        ),
      );
    undo.push(() => Promise.all(processes.map((process) => process.stop(DRAIN_MS))));
    launch('api');
    launch('dispatcher');
    if (options.oneWorkerProcess) launch(ALL_STAGES, ALL_STAGES, fileURLToPath(new URL('./all-stages-worker.ts', import.meta.url)));
    else
      for (const [cls, count] of Object.entries(options.workers))
        for (let i = 0; i < count; i++)
          launch(
            `${cls}-worker`,
            i === 0 ? `${cls}-worker` : `${cls}-worker-${i + 1}`,
            join(options.workersFrom ?? root, 'apps', `${cls}-worker`, 'dist', 'main.js'),
          );

    await untilReady(url, directory.secrets.api_key, options.workers);
    await writeConnection();
    return { url, directory, databaseUrl, connection, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function environmentFor(
  options: StackOptions,
  directory: DataDirectory,
  databaseUrl: string,
  url: string,
  port: number,
): Promise<Record<string, string>> {
  const objects = join(directory.path, 'objects');
  if (options.s3Url === undefined) await mkdir(objects, { recursive: true });
  return {
    ORT_DISABLE_TELEMETRY: '1',
    DATABASE_URL: databaseUrl,
    ...(options.redisUrl === undefined ? {} : { REDIS_URL: options.redisUrl }),
    OBJECT_STORE_URL: options.s3Url ?? pathToFileURL(objects).href,
    HOST: '127.0.0.1',
    PORT: String(port),
    PUBLIC_URL: url,
    SIGNING_SECRET: directory.secrets.signing_secret,
    DATA_KEY_SECRET: directory.secrets.data_key_secret,
    HEALTH_PORT: '0',
    DEFAULT_PACK: options.pack,
    ...(options.allowPrivateNetworks === undefined ? {} : { EGRESS_ALLOW_CIDRS: options.allowPrivateNetworks }),
    ...(options.exemptAddresses?.length ? { EGRESS_ALLOW_ADDRESSES: options.exemptAddresses.join(',') } : {}),
    ...options.env,
  };
}

/** Ready: the API answers, and every wanted worker has loaded its models and counts as a slot. */
async function untilReady(url: string, apiKey: string, wanted: StackOptions['workers']): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  let last = 'the API does not answer';
  while (Date.now() < deadline) {
    try {
      const response = await fetch(`${url}/v1/queue`, { headers: { authorization: `Bearer ${apiKey}` } });
      const queue = (await response.json()) as Record<string, { slots: number } | undefined>;
      const missing = Object.entries(wanted).filter(([cls, count]) => (queue[cls]?.slots ?? 0) < count);
      if (response.ok && missing.length === 0) return;
      last = response.ok ? `no ready worker for ${missing.map(([cls]) => cls).join(', ')}` : `GET /v1/queue answered ${response.status}`;
    } catch {
      // Not listening yet.
    }
    await sleep(50);
  }
  throw new Error(`the system was not ready after ${READY_TIMEOUT_MS / 1000} s: ${last}; see the logs in the data directory`);
}

function pidsOf(processes: readonly SupervisedProcess[]): Connection['pids'] {
  const workers = (cls: string) =>
    processes.filter(({ name }) => name === ALL_STAGES || name.startsWith(`${cls}-worker`)).flatMap((p) => p.pid ?? []);
  return {
    api: processes.find((p) => p.name === 'api')?.pid,
    dispatcher: processes.find((p) => p.name === 'dispatcher')?.pid,
    'parsing-worker': workers('parsing'),
    'embedding-worker': workers('embedding'),
    'diffusion-worker': workers('diffusion'),
  };
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => (result ??= work());
}
