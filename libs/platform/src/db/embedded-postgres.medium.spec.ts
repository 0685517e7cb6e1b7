import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { exec, one, openDb, sql, startEmbeddedPostgres, type EmbeddedPostgres } from './index.ts';

let parent: string;
let dir: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'likeness-pg-'));
  await chmod(parent, 0o711); // the server's own user has to pass through
  dir = join(parent, 'postgres');
});
afterEach(() => rm(parent, { recursive: true, force: true }));

const commands = () => execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).split('\n');
/** The process ids of the servers on a folder. */
const serversOf = (folder: string) =>
  commands()
    .filter((line) => /^ *\d+ \S*bin\/postgres -D/.test(line) && line.includes(`${folder}/`))
    .map((line) => Number.parseInt(line));
const keepersOf = (folder: string) =>
  commands()
    .filter((line) => /^ *\d+ \/bin\/sh -c/.test(line) && line.includes(`${folder}/`))
    .map((line) => Number.parseInt(line));

const write = async ({ url }: EmbeddedPostgres) => {
  const db = openDb(url, { max: 1 });
  await exec(db, sql`CREATE TABLE kept AS SELECT 42 AS n`);
  await db.close();
};
const read = async ({ url }: EmbeddedPostgres) => {
  const db = openDb(url, { max: 1 });
  const row = await one(db, z.object({ n: z.number() }), sql`SELECT n FROM kept`);
  await db.close();
  return row?.n;
};

/** A process that starts the server and says so. */
async function startOwner() {
  const script = `const { startEmbeddedPostgres } = await import(${JSON.stringify(new URL('./index.ts', import.meta.url).href)});
    const { url } = await startEmbeddedPostgres({ dir: ${JSON.stringify(dir)} }); console.log(url); setInterval(() => {}, 1000);`;
  const owner = spawn(process.execPath, ['--input-type=module', '--conditions=source', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(owner.stdout, 'data');
  return owner;
}

it('keeps what was written over a restart', async () => {
  const first = await startEmbeddedPostgres({ dir });
  await write(first);
  await first.stop();
  await first.stop();
  expect(serversOf(dir)).toEqual([]);
  const second = await startEmbeddedPostgres({ dir });
  expect(await read(second)).toBe(42);
  await second.stop();
});

it('listens on loopback alone, with a password that only its owner can read', async () => {
  const server = await startEmbeddedPostgres({ dir });
  const db = openDb(server.url, { max: 1 });
  const setting = z.object({ a: z.string(), s: z.string(), f: z.string(), c: z.string() });
  const settings = sql`SELECT current_setting('listen_addresses') a, current_setting('unix_socket_directories') s,
                              current_setting('fsync') f, current_setting('synchronous_commit') c`;
  expect(await one(db, setting, settings)).toEqual({ a: '127.0.0.1', s: '', f: 'on', c: 'on' });
  await db.close();
  expect((await stat(join(dir, 'password'))).mode & 0o777).toBe(0o600);
  const wrong = new URL(server.url);
  wrong.password = 'wrong';
  const stranger = openDb(wrong.href, { max: 1 });
  await expect(exec(stranger, sql`SELECT 1`)).rejects.toThrow('password authentication failed');
  await stranger.close();
  await server.stop();
});

describe('an owner that is killed', () => {
  it('takes the server along', async () => {
    const owner = await startOwner();
    expect(serversOf(dir)).toHaveLength(1);
    owner.kill('SIGKILL');
    await expect.poll(() => [...serversOf(dir), ...keepersOf(dir)], { timeout: 5_000 }).toEqual([]);
  });

  it('does not keep the next one from starting at once', async () => {
    const owner = await startOwner();
    owner.kill('SIGKILL');
    const again = await startEmbeddedPostgres({ dir });
    expect(serversOf(dir)).toHaveLength(1);
    await write(again);
    await again.stop();
  });

  it('together with everything but the server leaves one that the next start ends', async () => {
    const owner = await startOwner();
    const [server] = serversOf(dir);
    owner.kill('SIGSTOP'); // so that it cannot end the server in the moment between its keeper's end and its own
    for (const keeper of keepersOf(dir)) process.kill(keeper, 'SIGKILL');
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    expect(serversOf(dir)).toEqual([server]);
    const again = await startEmbeddedPostgres({ dir });
    expect(serversOf(dir)).not.toContain(server);
    expect(serversOf(dir)).toHaveLength(1);
    await again.stop();
  });
});

it('recovers from a machine that lost power: committed rows are there, an old postmaster.pid means nothing', async () => {
  const first = await startEmbeddedPostgres({ dir });
  await write(first);
  const [postmaster = 0] = serversOf(dir);
  const pidFile = await readFile(join(dir, 'data', 'postmaster.pid'), 'utf8');
  process.kill(postmaster, 'SIGKILL');
  await first.stop();
  // After the restart another program has that process id.
  await writeFile(join(dir, 'data', 'postmaster.pid'), pidFile.replace(/^\d+/, String(process.pid)));
  const second = await startEmbeddedPostgres({ dir });
  expect(await read(second)).toBe(42);
  await second.stop();
});

it('starts over where making the cluster was cut off', async () => {
  await mkdir(join(dir, 'data.new'), { recursive: true });
  await writeFile(join(dir, 'data.new', 'PG_VERSION'), '18\n');
  const server = await startEmbeddedPostgres({ dir });
  await write(server);
  await server.stop();
  expect(existsSync(join(dir, 'data.new'))).toBe(false);
});

it('says why it did not start', async () => {
  const taken = createServer();
  await new Promise<void>((done) => taken.listen(0, '127.0.0.1', done));
  const { port } = taken.address() as { port: number };
  await expect(startEmbeddedPostgres({ dir, settings: { port: String(port) } })).rejects.toThrow(
    /did not start; the end of .*postgres.log:\n[^]*in use/,
  );
  taken.close();
  expect(serversOf(dir)).toEqual([]);
});

describe.runIf(process.getuid?.() === 0)('below a folder that only root may enter', () => {
  beforeEach(() => chmod(parent, 0o700));
  const location = async () => readFile(join(dir, 'location'), 'utf8');
  afterEach(async () => rm(await location(), { recursive: true, force: true }));

  it('keeps its files elsewhere, and finds them again', async () => {
    const first = await startEmbeddedPostgres({ dir });
    await write(first);
    await first.stop();
    expect(existsSync(join(dir, 'data'))).toBe(false);
    expect(existsSync(join(await location(), 'data'))).toBe(true);
    const second = await startEmbeddedPostgres({ dir });
    expect(await read(second)).toBe(42);
    await second.stop();
  });

  it('starts empty when the directory was removed meanwhile', async () => {
    const first = await startEmbeddedPostgres({ dir });
    await write(first);
    await first.stop();
    await rm(dir, { recursive: true });
    const second = await startEmbeddedPostgres({ dir });
    await expect(read(second)).rejects.toThrow('relation "kept" does not exist');
    await second.stop();
  });

  it('clears away what removed temporary directories have left', async () => {
    const first = await startEmbeddedPostgres({ dir });
    await first.stop();
    const forsaken = await location();
    await rm(dir, { recursive: true });
    dir = join(parent, 'another');
    const second = await startEmbeddedPostgres({ dir });
    await second.stop();
    expect(existsSync(forsaken)).toBe(false);
  });
});
