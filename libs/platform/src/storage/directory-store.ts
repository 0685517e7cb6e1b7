/** Objects as files of a directory: the store of a single machine. */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { checkKey, ObjectMissing, unavailable, type ListedObject, type ObjectStore } from './object-store.ts';

/**
 * An object is one file: its content type as a first line, then its bytes. One file has one rename, so type and bytes cannot
 * differ from each other. Files are written under `.new` beside the keys, which no key can name.
 */
export function openDirectoryStore(directory: string): ObjectStore {
  const root = resolve(directory);
  const fresh = join(root, '.new');
  const pathOf = (key: string) => join(root, 'objects', ...checkKey(key).split('/'));

  const put: ObjectStore['put'] = async (key, bytes, { contentType }) => {
    const path = pathOf(key);
    const header = headerOf(contentType);
    const temporary = join(fresh, randomUUID());
    try {
      await writeDurably(temporary, Buffer.concat([header, bytes]));
      await moveInto(path, temporary);
      await syncFolder(dirname(path));
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined); // the same fault keeps us from it
      throw unavailable(`keep ${key}`, error);
    }
  };

  return {
    put,
    get: async (key) => {
      const path = pathOf(key);
      const file = await whenThere(key, () => readFile(path));
      if (!file) throw new ObjectMissing(key);
      return file.subarray(splitHeader(file).length);
    },
    stat: async (key) => {
      const path = pathOf(key);
      const header = await whenThere(key, () => readHeader(path));
      return header ? { size: header.fileSize - header.length, contentType: header.contentType } : null;
    },
    remove: async (keys) => {
      for (const key of keys) {
        const path = pathOf(key);
        try {
          await rm(path).catch(unlessMissing);
          await removeEmptyFolders(dirname(path), join(root, 'objects'));
        } catch (error) {
          throw unavailable(`remove ${key}`, error);
        }
      }
    },
    list: (prefix) => listFiles(join(root, 'objects'), '', prefix),
    check: async () => {
      try {
        await makeFolder(join(root, 'objects'));
        await makeFolder(fresh);
        const probe = join(fresh, randomUUID());
        await (await open(probe, 'wx')).close();
        await rm(probe);
      } catch (error) {
        throw unavailable('write', error);
      }
    },
  };
}

/** No content type is longer: RFC 4288 allows 127 characters on each side of the slash, and parameters fit behind. */
const LONGEST_HEADER = 512;

function headerOf(contentType: string): Uint8Array {
  if (!/^[\x20-\x7e]{1,500}$/.test(contentType)) throw new RangeError(`${JSON.stringify(contentType)} is no content type`);
  return Buffer.from(`${contentType}\n`, 'latin1');
}

function splitHeader(file: Buffer): { contentType: string; length: number } {
  const end = file.subarray(0, LONGEST_HEADER).indexOf('\n');
  if (end < 0) throw new Error('the file does not begin with a content type');
  return { contentType: file.toString('latin1', 0, end), length: end + 1 };
}

async function readHeader(path: string): Promise<{ contentType: string; length: number; fileSize: number }> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(LONGEST_HEADER), 0, LONGEST_HEADER, 0);
    return { ...splitHeader(buffer.subarray(0, bytesRead)), fileSize: (await file.stat()).size };
  } finally {
    await file.close();
  }
}

/** Undefined when there is no such file (or the key names a folder of others). */
async function whenThere<T>(key: string, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw unavailable(`read ${key}`, error);
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);
const isMissing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR', 'EISDIR', 'ERR_FS_EISDIR'].includes(String(codeOf(error)));
const unlessMissing = (error: unknown): void => {
  if (!isMissing(error)) throw error;
};

/** Keys name tenants, so folders are as private as files. */
const makeFolder = (path: string) => mkdir(path, { recursive: true, mode: 0o700 });

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await inFolder(dirname(path), () => open(path, 'wx', 0o600));
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

const moveInto = (path: string, temporary: string): Promise<void> => inFolder(dirname(path), () => rename(temporary, path));

/**
 * Does something in a folder that may be missing. At any moment before it is done, `remove` may find the folder empty and take it away, also
 * while `mkdir` is on its way down. Most folders are there, so that is tried first.
 */
async function inFolder<T>(folder: string, work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || tries === 10) throw error;
      await makeFolder(folder).catch(unlessMissing);
    }
  }
}

/** A rename is on the disk only when its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function removeEmptyFolders(folder: string, root: string): Promise<void> {
  for (let path = folder; path.startsWith(root) && path !== root; path = dirname(path)) {
    try {
      await rmdir(path);
    } catch (error) {
      if (['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(String(codeOf(error)))) return;
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }
}

/** Enters only folders that can hold keys with the prefix. */
async function* listFiles(folder: string, above: string, prefix: string): AsyncGenerator<ListedObject> {
  const entries = (await whenThere(prefix, () => readdir(folder, { withFileTypes: true }))) ?? [];
  for (const entry of entries) {
    const key = `${above}${entry.name}`;
    if (entry.isFile() && key.startsWith(prefix)) {
      const found = await whenThere(key, () => stat(join(folder, entry.name)));
      if (found) yield { key, modifiedAt: found.mtime }; // else it was removed meanwhile
    }
    if (entry.isDirectory() && (`${key}/`.startsWith(prefix) || prefix.startsWith(`${key}/`))) {
      yield* listFiles(join(folder, entry.name), `${key}/`, prefix);
    }
  }
}
