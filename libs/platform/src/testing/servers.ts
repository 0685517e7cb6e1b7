/**
 * Real servers for tests, each on a free loopback port with a folder of its own; with TEST_INFRA=containers in a container of its own. Where a program is missing, the suites that
 * need it skip themselves loudly; with CI=true they fail.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../config/free-port.ts';
import { images, inContainers, startContainer } from './containers.ts';

export interface TestServer {
  readonly url: string;
  /** As a machine loses it: SIGKILL. */
  kill(): Promise<void>;
  /** Again, on the same port and folder. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** The path of `redis-server` (or `valkey-server`) or an image, undefined when there is none. */
export const redisServer = inContainers ? images.redis : findProgram('LIKENESS_REDIS_SERVER', ['redis-server', 'valkey-server']);
/** The path of `minio`, undefined when there is none or S3_URL names a running server. */
export const minioServer = process.env.S3_URL === undefined && !inContainers ? findProgram('LIKENESS_MINIO', ['minio']) : undefined;
/** Whether a test can have an S3 server. */
export const hasS3 = inContainers || process.env.S3_URL !== undefined || minioServer !== undefined;

/** Redis without persistence; more settings as its configuration file names them. */
export async function startRedis(settings: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  const flags = Object.entries({ save: '', appendonly: 'no', ...settings }).flatMap(([name, value]) => [`--${name}`, value]);
  const urlOf = (port: number) => `redis://127.0.0.1:${port}`;
  if (inContainers) return startContainer({ image: images.redis, port: 6379, command: ['redis-server', ...flags], urlOf });
  return startServer(redisServer, (port, dir) => ['--bind', '127.0.0.1', '--port', String(port), '--dir', dir, ...flags], {}, urlOf);
}

/** Its URL is an OBJECT_STORE_URL: the bucket of S3_URL where that is set, else one to be made on a MinIO of the test's own. */
export async function startS3(bucket = 'likeness-tests'): Promise<TestServer> {
  if (process.env.S3_URL !== undefined && !inContainers) return runningS3(new URL(process.env.S3_URL));
  const [user, password] = ['likeness', 'likeness-tests'];
  const environment = { MINIO_ROOT_USER: user, MINIO_ROOT_PASSWORD: password, MINIO_BROWSER: 'off', MINIO_UPDATE: 'off' };
  const urlOf = (port: number) => `s3://${user}:${password}@127.0.0.1:${port}/${bucket}?ssl=false`;
  if (inContainers)
    return startContainer({ image: images.s3, port: 9000, command: ['server', '/data', '--address', ':9000'], environment, urlOf });
  const flags = (port: number, dir: string) => ['server', dir, '--address', `127.0.0.1:${port}`, '--quiet'];
  return startServer(minioServer, flags, environment, urlOf);
}

/** A server that is not ours to stop. */
function runningS3({ protocol, username, password, host, pathname }: URL): TestServer {
  const notOurs = async () => {
    throw new Error('the server of S3_URL is not started or killed by tests');
  };
  return {
    url: `s3://${username}:${password}@${host}${pathname}?ssl=${protocol === 'https:'}`,
    kill: notOurs,
    start: notOurs,
    stop: async () => undefined,
  };
}

async function startServer(
  program: string | undefined,
  flags: (port: number, dir: string) => string[],
  environment: Readonly<Record<string, string>>,
  urlOf: (port: number) => string,
): Promise<TestServer> {
  if (program === undefined) throw new Error('this server is not installed');
  const dir = await mkdtemp(join(tmpdir(), 'likeness-server-'));
  const port = await freePort();
  let child: ChildProcess | undefined;
  const start = async () => {
    child = spawn(program, flags(port, dir), { cwd: dir, stdio: ['ignore', 'ignore', 'inherit'], env: { HOME: dir, ...environment } });
    await untilListening(port, child);
  };
  const end = async (signal: NodeJS.Signals) => {
    const ending = child;
    child = undefined;
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    const exited = new Promise((done) => ending.once('exit', done));
    ending.kill(signal);
    await exited;
  };
  // A test run that breaks off leaves nothing running.
  const atExit = () => void child?.kill('SIGKILL');
  process.once('exit', atExit);
  await start();
  return {
    url: urlOf(port),
    kill: () => end('SIGKILL'),
    start,
    stop: async () => {
      await end('SIGTERM');
      process.off('exit', atExit);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function untilListening(port: number, child: ChildProcess): Promise<void> {
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; await sleep(20)) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`${child.spawnfile} ended with ${child.exitCode ?? child.signalCode}`);
    if (await accepts(port)) return;
  }
  throw new Error(`${child.spawnfile} did not listen on port ${port} within 30 s`);
}

const accepts = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      done(true);
    }).once('error', () => done(false));
  });

/** By its variable, on PATH, or where set-up has put what it built. */
function findProgram(variable: string, names: readonly string[]): string | undefined {
  const named = process.env[variable];
  if (named !== undefined) return named;
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'likeness', 'bin');
  const folders = [...(process.env.PATH ?? '').split(delimiter), cache].filter((folder) => folder !== '');
  const found = folders.flatMap((folder) => names.map((name) => join(folder, name))).find(isExecutable);
  const problem = `no ${names[0]} on PATH; set ${variable}`;
  if (found === undefined && process.env.CI === 'true') throw new Error(problem);
  if (found === undefined) console.warn(`\n!!! ${problem}: the tests that need it are skipped\n`);
  return found;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
