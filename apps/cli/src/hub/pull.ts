/** From a recipe to a pack: find, license, measure, download, unpack, add. */
import { mkdir, readdir, rm, stat, statfs } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { unzipEntry } from '@likeness/graph';
import { addPack, assertFree, PackError, sha256Of, type ConsistentIdManifest, type PackParts } from '@likeness/models';
import type { ProgressLine } from '../progress-line.ts';
import { download } from './download.ts';
import { findFile, type FoundFile, type HubOptions } from './hub.ts';
import { bytesText, DownloadProgress } from './progress.ts';
import type { ArchivePart, HubPart, Recipe } from './recipe.ts';

export interface PullOptions {
  readonly hub: HubOptions;
  readonly packsFolder: string;
  /** What the recipe's licences forbid was read and accepted. */
  readonly isAccepted: boolean;
  readonly replace: boolean;
  readonly progress: ProgressLine;
  readonly print: (line: string) => void;
  /** Time between two lines of progress. */
  readonly everyMs?: number;
}

const parallel = 3;

/** @throws PackError when something is not accepted, not found, not what was promised, or too large for the disk */
export async function pull(recipe: Recipe, options: PullOptions): Promise<ConsistentIdManifest> {
  const { hub, packsFolder, print } = options;
  assertAccepted(recipe, options);
  await assertFree(packsFolder, recipe.name, options);
  const parts = Object.entries(recipe.parts) as [keyof PackParts, HubPart | ArchivePart][];

  const found = new Map<string, FoundFile>();
  const folders: Partial<Record<keyof PackParts, string>> = {};
  for (const [part, source] of parts) {
    if ('archive' in source) continue;
    const files = await findFiles(hub, source);
    for (const file of files) found.set(`${file.repo}/${file.path}`, file);
    folders[part] = join(hub.cache.snapshot(source.repo, files[0]!.commit), source.at);
  }
  const members = parts.flatMap(([part, source]) =>
    'archive' in source ? [{ part, ...source, target: memberPath(packsFolder, source) }] : [],
  );
  const missing = await unless(members, ({ target, sha256 }) => isFile(target, sha256));
  const archives = [...new Set(missing.map(({ archive }) => archive))].map((url) => ({
    url,
    target: join(packsFolder, '.files', basename(url)),
    ...knownArchive(recipe, url),
  }));

  const wanted = [
    ...[...found.values()].flatMap(({ repo, path, bytes, source }) =>
      source ? [{ name: `${repo}/${path}`, target: hub.cache.blob(repo, source.hash), bytes, ...source, token: hub.token }] : [],
    ),
    ...archives.map(({ url, target, bytes, sha256 }) => ({ name: basename(url), url, target, bytes, hash: sha256, token: undefined })),
  ];
  const downloads = [...new Map(wanted.map((file) => [file.target, file])).values()]; // equal files are one blob
  await assertSpace(downloads);
  const total = downloads.reduce((n, { bytes }) => n + bytes, 0);
  print(`${recipe.name}: ${downloads.length} files, ${bytesText(total)}, into ${hub.cache.folder}`);
  const progress = new DownloadProgress(options.progress, downloads.length, total, options.everyMs ?? 250);
  await inParallel(downloads, hub.signal, async ({ name, ...file }, signal) => {
    const onWait = () => options.progress.show(`${name}: another process is downloading it`);
    await download({ ...file, signal, backoffMs: hub.backoffMs, onBytes: (bytes) => progress.have(name, bytes), onWait });
    progress.end(name, file.bytes);
  });
  for (const { repo, commit, path, source } of found.values()) if (source) await hub.cache.link(repo, commit, path, source.hash);

  for (const { archive, member, sha256, target } of missing) {
    await mkdir(dirname(target), { recursive: true });
    const from = archives.find(({ url }) => url === archive)!.target;
    await unzipEntry(from, member, target, sha256).catch(async (error: unknown) => {
      if (!(await isFile(target, sha256))) throw error; // else a second pull has unpacked it, and removed the archive
    });
  }
  for (const { target } of archives) await rm(target, { force: true });
  for (const { part, target } of members) folders[part] = target;

  const { name, title, licence, notes, trained } = recipe;
  const commits = [...new Set([...found.values()].map(({ repo, commit }) => `${repo} at ${commit}`))];
  const facts = { name, title, licence, trained, notes: [...notes, ...commits] };
  const onFile = ({ name: file }: { name: string }) => options.progress.show(`checking ${file}`);
  return addPack(packsFolder, facts, folders as PackParts, { replace: options.replace, onFile });
}

function assertAccepted({ licences }: Recipe, { isAccepted, print }: PullOptions): void {
  for (const { of, licence, url } of licences) print(`licence: ${of}: ${licence} (${url})`);
  const restrictions = licences.flatMap(({ restriction }) => restriction ?? []);
  for (const restriction of restrictions) print(`restriction: ${restriction}`);
  if (restrictions.length > 0 && !isAccepted)
    throw new PackError(`${restrictions.join(' ')} To accept it, repeat the command with --accept-licence.`, { restrictions });
}

/** The files of a part, all of one commit. */
async function findFiles(hub: HubOptions, { repo, revision, files }: HubPart): Promise<FoundFile[]> {
  const found: FoundFile[] = [];
  let commit = revision; // what the first answer says, so that files of two commits are never mixed
  for (const wanted of files) {
    const { path, bytes, sha256, optional } =
      typeof wanted === 'string' ? { path: wanted, bytes: undefined, sha256: undefined, optional: false } : wanted;
    const names = typeof path === 'string' ? [path] : path;
    let file: FoundFile | undefined;
    for (const name of names) file ??= await findFile(hub, repo, commit, name);
    if (!file) {
      if (optional) continue;
      throw new PackError(
        `${repo} at ${commit} has no ${names.join(' and no ')}${hub.offline ? ' in the cache, and no server may be asked' : ''}.`,
        { repo, path: names },
      );
    }
    const { hash } = file.source ?? {};
    if ((bytes !== undefined && bytes !== file.bytes) || (sha256 !== undefined && hash !== undefined && hash !== sha256)) {
      throw new PackError(
        `${repo}/${file.path} is another file than the recipe's: ${file.bytes} bytes with the hash ${hash ?? '?'}, not ${bytes ?? '?'} with ${sha256 ?? '?'}.`,
        { repo, path: file.path },
      );
    }
    commit = file.commit;
    found.push(file);
  }
  return found;
}

const memberPath = (packsFolder: string, { sha256, member }: ArchivePart) =>
  join(packsFolder, '.files', sha256.slice(0, 16), basename(member));

function knownArchive({ archives }: Recipe, url: string): { bytes: number; sha256: string } {
  const known = Object.hasOwn(archives, url) ? archives[url] : undefined;
  if (!known) throw new PackError(`The recipe does not say what ${url} must be.`, { url });
  return known;
}

const isFile = (path: string, sha256: string): Promise<boolean> =>
  sha256Of(path).then(
    (found) => found === sha256,
    () => false,
  );

async function unless<T>(items: readonly T[], holds: (item: T) => Promise<boolean>): Promise<T[]> {
  const held = await Promise.all(items.map(holds));
  return items.filter((_, i) => !held[i]);
}

/** What is still to come must fit beside what is there; an unpacked archive takes about its own size once more. */
async function assertSpace(downloads: readonly { target: string; bytes: number }[]): Promise<void> {
  const wanted = new Map<number, { folder: string; bytes: number }>();
  for (const { target, bytes } of downloads) {
    const folder = await nearest(dirname(target));
    const { dev } = await stat(folder);
    const have = await arrived(target);
    const before = wanted.get(dev)?.bytes ?? 0;
    wanted.set(dev, { folder, bytes: before + Math.max(bytes - have, 0) * (target.endsWith('.zip') ? 2 : 1) });
  }
  for (const { folder, bytes } of wanted.values()) {
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    if (bytes > free)
      throw new PackError(`${folder} has ${bytesText(free)} free; ${bytesText(bytes)} are needed.`, { folder, free, needed: bytes });
  }
}

/** How much of a file is there, whole or in part. */
async function arrived(target: string): Promise<number> {
  const names = (await readdir(dirname(target)).catch(() => [])).filter(
    (name) => name === basename(target) || name.startsWith(`${basename(target)}.`),
  );
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(dirname(target), name))).size));
  return Math.max(0, ...sizes);
}

/** The folder itself, or the nearest one above it that exists. */
const nearest = (folder: string): Promise<string> =>
  stat(folder).then(
    () => folder,
    () => nearest(dirname(folder)),
  );

/** A few at a time; the first failure stops the others. */
async function inParallel<T>(
  items: readonly T[],
  outer: AbortSignal | undefined,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const signal = outer ? AbortSignal.any([outer, failed.signal]) : failed.signal;
  const queue = [...items];
  const lane = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      signal.throwIfAborted();
      await work(item, signal);
    }
  };
  const lanes = Array.from({ length: parallel }, () =>
    lane().catch((error: unknown) => {
      failed.abort(error);
      throw error;
    }),
  );
  await Promise.allSettled(lanes);
  signal.throwIfAborted();
}
