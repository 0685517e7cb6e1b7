import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run } from './processes.ts';
import { cacheFolder } from './setup.mjs';

/**
 * The real servers that medium and e2e tests use. They learn where these are from the environment:
 *
 *   LIKENESS_REDIS_SERVER  path of a `redis-server` binary; each suite starts its own on a free port
 *   LIKENESS_MINIO         path of a `minio` binary; likewise
 *   S3_URL                 instead of it, a running S3 server: http://ACCESS_KEY:SECRET_KEY@HOST:PORT/BUCKET
 *
 * With TEST_INFRA=containers Postgres, Redis and S3 come from POSTGRES_IMAGE, REDIS_IMAGE and MINIO_IMAGE.
 */
export interface TestServers {
  readonly env: Record<string, string>;
  /** What could not be had, one sentence each. */
  readonly missing: readonly string[];
  /** Ends what was started here (a container). */
  stop(): Promise<void>;
}

/** The last MinIO release that the Go toolchain can build; its module carries no tags. */
const minioModule = 'github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c';
/** A maintained build of the same server, for machines that have Docker and no Go. */
const s3Image = process.env['MINIO_IMAGE'] ?? 'pgsty/silo:latest';
const minutes = 60_000;

/** Looks for each server, and gets it when it is missing and can be had. */
export async function provideTestServers(): Promise<TestServers> {
  if (process.env['TEST_INFRA'] === 'containers') return inContainers();
  const redis = process.env['LIKENESS_REDIS_SERVER'] ?? findOnPath('redis-server', 'valkey-server') ?? (await installRedis());
  const s3 = await provideS3();
  return {
    env: { ...(redis === undefined ? {} : { LIKENESS_REDIS_SERVER: redis }), ...s3?.env },
    missing: [
      ...(redis === undefined ? ['no redis-server: install it with your package manager, or set LIKENESS_REDIS_SERVER'] : []),
      ...(s3 === undefined ? ['no S3 server: set S3_URL, or have minio, Docker or Go on PATH'] : []),
    ],
    stop: async () => s3?.stop?.(),
  };
}

/** The suites start their own (libs/platform/src/testing/containers.ts). */
async function inContainers(): Promise<TestServers> {
  const { code } = await run('docker', ['info'], { output: 'keep', timeoutMs: 10_000 });
  return { env: {}, missing: code === 0 ? [] : ['no Docker, and TEST_INFRA is "containers"'], stop: async () => undefined };
}

interface S3 {
  readonly env: Record<string, string>;
  stop?(): Promise<void>;
}

async function provideS3(): Promise<S3 | undefined> {
  if (process.env['S3_URL']) return { env: { S3_URL: process.env['S3_URL'] } };
  const built = join(cacheFolder(process.env), 'bin', 'minio');
  const minio = process.env['LIKENESS_MINIO'] ?? findOnPath('minio') ?? (isExecutable(built) ? built : undefined);
  if (minio !== undefined) return { env: { LIKENESS_MINIO: minio } };
  return (await startS3Container()) ?? (await buildMinio(built));
}

async function startS3Container(): Promise<S3 | undefined> {
  if ((await run('docker', ['info'], { output: 'keep', timeoutMs: 10_000 })).code !== 0) return undefined;
  say(`starting an S3 server in Docker (${s3Image})`);
  const credentials = ['-e', 'MINIO_ROOT_USER=likeness', '-e', 'MINIO_ROOT_PASSWORD=likeness-tests'];
  const start = ['run', '--detach', '--rm', '--publish', '127.0.0.1::9000', ...credentials, s3Image, 'server', '/data'];
  const started = await run('docker', start, { output: 'keep', timeoutMs: 3 * minutes });
  const container = started.output.trim().split('\n').at(-1) ?? '';
  const stop = async () => void (await run('docker', ['rm', '--force', '--volumes', container], { output: 'keep', timeoutMs: minutes }));
  if (started.code !== 0) return failed('Docker', started.output);
  const port = await run('docker', ['port', container, '9000/tcp'], { output: 'keep', timeoutMs: 10_000 });
  const address = port.output.trim().split('\n')[0];
  if (port.code !== 0 || !address) {
    await stop();
    return failed('Docker', port.output);
  }
  return { env: { S3_URL: `http://likeness:likeness-tests@${address}/likeness-tests` }, stop };
}

async function buildMinio(target: string): Promise<S3 | undefined> {
  if (findOnPath('go') === undefined) return undefined;
  say(`building MinIO with Go, once (about four minutes on two cores), into ${target}`);
  const folder = join(target, '..');
  mkdirSync(folder, { recursive: true });
  const build = ['install', '-trimpath', '-ldflags', '-s -w', minioModule];
  const built = await run('go', build, { output: 'keep', timeoutMs: 15 * minutes, env: { GOBIN: folder, CGO_ENABLED: '0' } });
  if (built.code !== 0) return failed('go install', built.output);
  say(`built MinIO in ${built.seconds.toFixed(0)} s`);
  return { env: { LIKENESS_MINIO: target } };
}

/** Debian and Ubuntu only, and only where it needs no question: as root, or with a sudo that asks for no password. */
async function installRedis(): Promise<string | undefined> {
  if (findOnPath('apt-get') === undefined) return undefined;
  const asRoot = process.getuid?.() === 0;
  if (!asRoot && (await run('sudo', ['-n', 'true'], { output: 'keep', timeoutMs: 10_000 })).code !== 0) return undefined;
  say('installing redis-server (apt-get)');
  // A package may start its service on installation; these two keep it from it: the tests start their own servers.
  const quiet = ['DEBIAN_FRONTEND=noninteractive', 'SYSTEMD_OFFLINE=1', 'RUNLEVEL=1'];
  for (const args of [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', 'redis-server'],
  ]) {
    const command = ['env', ...quiet, 'apt-get', ...args];
    const result = await run(asRoot ? 'env' : 'sudo', asRoot ? command.slice(1) : ['-n', ...command], {
      output: 'keep',
      timeoutMs: 5 * minutes,
    });
    // Old package lists often do: only the installation itself decides.
    if (result.code !== 0 && args[0] === 'install') return failed('apt-get', result.output);
  }
  return findOnPath('redis-server');
}

function findOnPath(...names: string[]): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

function isExecutable(path: string): boolean {
  if (!existsSync(path)) return false;
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function failed(what: string, output: string): undefined {
  say(`${what} did not work, going on without it:\n${output.trim().split('\n').slice(-5).join('\n')}`);
  return undefined;
}

function say(line: string): void {
  console.error(`likeness: ${line}`);
}
