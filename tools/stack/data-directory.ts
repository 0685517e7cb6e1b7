/** What lives in the data directory: the lock, the secrets made at the first start, and `connection.json`. */
import { randomBytes, createHash } from 'node:crypto';
import { mkdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newApiKey } from '@likeness/platform/keys';
import { newWebhookSecret } from '@likeness/platform/webhooks';

export interface DataDirectory {
  readonly path: string;
  readonly secrets: Secrets;
  /** Removes the lock. */
  release(): Promise<void>;
}

/** Made once. The database holds only hashes of the keys, so their plain text is kept here, readable by the owner alone. */
export interface Secrets {
  readonly api_key: string;
  readonly admin_key: string;
  readonly webhook_secret: string;
  readonly signing_secret: string;
  readonly data_key_secret: string;
}

export class DirectoryInUse extends Error {}

/** Opens the directory for one supervisor. Throws `DirectoryInUse` while another one serves from it. */
export async function openDataDirectory(dir: string): Promise<DataDirectory> {
  await mkdir(dir, { recursive: true });
  const path = await realpath(dir);
  const lock = await takeLock(path);
  const secrets = await readOrMakeSecrets(join(path, 'secrets.json'));
  return {
    path,
    secrets,
    release: async () => {
      await rm(join(path, 'connection.json'), { force: true });
      await new Promise((done) => lock.close(done));
    },
  };
}

/** A file that is never seen half-written. */
export async function writeAtomically(path: string, text: string): Promise<void> {
  await writeFile(`${path}.tmp`, text, { mode: 0o600 });
  await rename(`${path}.tmp`, path);
}

/**
 * The lock is a listening socket: the operating system drops it with its owner, however that one ends, so there is no
 * stale lock to judge by a process id. Its name is short because a socket's path may have 107 bytes only.
 */
async function takeLock(path: string): Promise<Server> {
  const socket = join(tmpdir(), `likeness-${createHash('sha256').update(path).digest('hex').slice(0, 16)}.sock`);
  if (await answers(socket))
    throw new DirectoryInUse(`${path} is in use by another \`npm start\`: stop that one, or give --data another directory`);
  await rm(socket, { force: true });
  const server = createServer((connection) => connection.end());
  await new Promise<void>((done, failed) => server.once('error', failed).listen(socket, done));
  server.unref();
  return server;
}

const answers = (socket: string): Promise<boolean> =>
  new Promise((done) => {
    const connection = connect(socket, () => {
      connection.destroy();
      done(true);
    }).on('error', () => done(false));
  });

/** A directory of an earlier version lacks some; those are made now. */
async function readOrMakeSecrets(file: string): Promise<Secrets> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return '{}';
  });
  const secrets: Secrets = {
    api_key: newApiKey().key,
    admin_key: newApiKey().key,
    webhook_secret: newWebhookSecret(),
    signing_secret: randomBytes(32).toString('hex'),
    data_key_secret: randomBytes(32).toString('hex'),
    ...(JSON.parse(text) as Partial<Secrets>),
  };
  await writeAtomically(file, JSON.stringify(secrets, null, 2));
  return secrets;
}
