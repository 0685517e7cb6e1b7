/** A server that a test starts: its own port, its own folder, and an end with the process that started it. */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface TestServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** Nothing on this machine can be started for it; the message says what to install or set. */
export class ServerMissing extends Error {}

export interface ServerCommand {
  /** How messages call it. */
  readonly name: string;
  /** Any free one when left out. */
  readonly port?: number | undefined;
  /** Program and arguments, for a port and an empty folder. */
  readonly command: (port: number, folder: string) => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Whether it serves. A rejection means: not yet. */
  readonly answers: (port: number) => Promise<boolean>;
}

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 5_000;
/** Another process may take a free port before the server does. */
const ATTEMPTS = 3;

/** Starts it and waits until it answers. Throws with the end of its output when it does not within 20 s. */
export async function startServer(server: ServerCommand): Promise<{ port: number; stop(): Promise<void> }> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(server, server.port ?? (await freePort()));
    } catch (error) {
      if (server.port !== undefined || attempt === ATTEMPTS) throw error;
    }
  }
}

async function startOnce({ name, command, env, answers }: ServerCommand, port: number): Promise<{ port: number; stop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), `likeness-${name}-`));
  const output = await open(join(folder, 'output.log'), 'a');
  // The shell ends the server when our end of the pipe closes, be it on purpose or because we were killed. What does not end
  // on SIGTERM is killed.
  const script =
    'exec 3<&0; "$@" 3<&- & server=$!; ' +
    `(read -r _ <&3; kill -TERM $server; sleep ${STOP_TIMEOUT_MS / 1_000}; kill -KILL $server) 2>/dev/null & watch=$!; ` +
    'exec 3<&-; wait $server; code=$?; kill $watch 2>/dev/null; exit $code';
  const keeper = spawn('/bin/sh', ['-c', script, 'keep', ...command(port, folder)], {
    cwd: folder,
    detached: true, // Ctrl-C reaches the tests alone: they still need their servers to end
    stdio: ['pipe', output.fd, output.fd],
    env: { ...process.env, ...env },
  });
  const ended = new Promise<void>((done) => keeper.once('close', () => done()));
  await output.close();
  const stop = async () => {
    keeper.stdin?.end();
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  for (const deadline = Date.now() + START_TIMEOUT_MS; Date.now() < deadline && keeper.exitCode === null; await sleep(20)) {
    const serving = await answers(port).catch(() => false); // still starting
    if (serving && keeper.exitCode === null) return { port, stop };
  }
  const tail = (await readFile(join(folder, 'output.log'), 'utf8')).trim().split('\n').slice(-5).join('\n');
  await stop();
  throw new Error(`${name} did not start on port ${port}; the end of its output:\n${tail}`);
}

/**
 * The server of a suite, or undefined where this machine has none: then the suite is skipped, and says so.
 * With CI=true a missing server is an error: there every test runs.
 */
export async function serverOrSkip<T extends TestServer>(start: () => Promise<T>): Promise<T | undefined> {
  try {
    return await start();
  } catch (error) {
    if (!(error instanceof ServerMissing) || process.env['CI'] === 'true') throw error;
    console.warn(`SKIPPED: ${error.message}`);
    return undefined;
  }
}

/** The first program of these names on PATH. */
export function findOnPath(...names: string[]): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // not there, or not ours to run
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done, failed) => server.once('error', failed).listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}
