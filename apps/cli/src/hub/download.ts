/** One file from a server to a place on disk: continued where an earlier try ended, and in its place only when its hash is right. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { PackError } from '@likeness/models';
import { request, TransientError, withRetries, type Network } from './request.ts';

export interface Download extends Network {
  readonly url: string;
  readonly token?: string | undefined;
  readonly target: string;
  readonly bytes: number;
  /** SHA-256, or the SHA-1 of a git blob, which the hub states for small files. */
  readonly hash: string;
  /** How many bytes of the file there are now. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
  /** Another process is at the same file. */
  readonly onWait?: (() => void) | undefined;
}

/** After this long nobody writes to a partial file any more, whatever process has its owner's number now. */
const abandonedMs = 120_000;

/** @throws PackError when the file cannot be had or is another than was promised; what arrived of it stays for the next time, unless it is wrong */
export async function download(file: Download): Promise<void> {
  await mkdir(dirname(file.target), { recursive: true });
  const partial = (await isWhole(file.target, file)) ? undefined : await claimPartial(file);
  if (partial !== undefined) {
    await fetchInto(partial, file);
    await rename(partial, file.target);
  }
  file.onBytes?.(file.bytes);
}

async function fetchInto(partial: string, file: Download): Promise<void> {
  let size = await sizeOf(partial);
  let isContinued = size > 0;
  const progressed = async () => {
    const before = size;
    size = await sizeOf(partial);
    return size > before;
  };
  const attempt = async () => {
    await receive(partial, file);
    const found = await hashOf(partial, file.hash);
    if (found === file.hash) return;
    await rm(partial, { force: true });
    const wrong = `its hash is ${found}, not ${file.hash}`;
    if (!isContinued) throw new PackError(`${file.url}: ${wrong}; what came was removed.`, { url: file.url, file: file.target });
    isContinued = false; // what an earlier run left was of another file
    throw new TransientError(wrong);
  };
  await withRetries(file.url, attempt, file, progressed);
}

/** Appends what is missing. Returns when the file has all its bytes. */
async function receive(partial: string, { url, token, bytes, onBytes, signal }: Download): Promise<void> {
  const handle = await open(partial, 'a+');
  try {
    let have = (await handle.stat()).size;
    if (have > bytes) await handle.truncate((have = 0));
    onBytes?.(have);
    if (have === bytes) return;
    const response = await request(url, { method: 'GET', token, signal, headers: have > 0 ? { range: `bytes=${have}-` } : {} });
    const isRest = response.status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${have}-`) === true;
    if (response.status === 416 || (response.status === 206 && !isRest)) {
      await response.body?.cancel();
      await handle.truncate(0);
      throw new TransientError(`the server does not continue at byte ${have}`);
    }
    if (response.status === 200 && have > 0) await handle.truncate((have = 0)); // it knows no ranges
    if (response.status !== 200 && response.status !== 206) {
      await response.body?.cancel();
      throw refusal(response.status, url, token);
    }
    for await (const chunk of bodyOf(response, signal)) {
      have += chunk.length;
      if (have > bytes) {
        await handle.truncate(0);
        throw new PackError(`${url} sends more than the ${bytes} bytes it promised.`, { url });
      }
      await handle.write(chunk);
      onBytes?.(have);
    }
    if (have < bytes) throw new TransientError(`the connection ended after ${have} of ${bytes} bytes`);
  } finally {
    await handle.close();
  }
}

async function* bodyOf(response: Response, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  try {
    yield* response.body!;
  } catch (cause) {
    signal?.throwIfAborted();
    throw new TransientError(`the connection broke: ${(cause as Error).message}`, { cause });
  }
}

/** What an answer means that is neither the file nor worth another try. */
export function refusal(status: number, url: string, token: string | undefined): PackError {
  const reasons: Record<number, string> = {
    401: token === undefined ? 'it wants a token: set HF_TOKEN' : 'it does not know the token in HF_TOKEN',
    403: token === undefined ? 'it wants a token that may read this: set HF_TOKEN' : 'the token in HF_TOKEN may not read this',
    404: 'there is no such file',
  };
  return new PackError(`${url} answers ${status}${reasons[status] === undefined ? '' : `: ${reasons[status]}`}.`, { url, status });
}

/**
 * The partial file to go on with, named after the process that writes it: one that a dead process left is taken over, and while a
 * living process has one, its file is waited for. Undefined when that process has finished.
 */
async function claimPartial(file: Download): Promise<string | undefined> {
  const folder = dirname(file.target);
  const own = `${basename(file.target)}.${process.pid}.incomplete`;
  for (;;) {
    const others = (await readdir(folder)).filter((name) => name.startsWith(`${basename(file.target)}.`) && name.endsWith('.incomplete'));
    if (others.length === 0 || others.includes(own)) return join(folder, own);
    const partial = join(folder, others[0]!);
    if (await isAtWork(partial)) {
      file.onWait?.();
      await pause(500, undefined, { signal: file.signal });
      if (await isWhole(file.target, file)) return undefined;
    } else {
      const isTaken = await rename(partial, join(folder, own)).then(
        () => true,
        () => false, // another process was faster
      );
      if (isTaken) return join(folder, own);
    }
  }
}

async function isAtWork(partial: string): Promise<boolean> {
  const found = await stat(partial).catch(() => undefined);
  if (!found || Date.now() - found.mtimeMs > abandonedMs) return false;
  try {
    process.kill(Number(/\.(\d+)\.incomplete$/.exec(partial)?.[1]), 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const isWhole = async (path: string, file: Download): Promise<boolean> =>
  (await sizeOf(path)) === file.bytes && (await hashOf(path, file.hash)) === file.hash;

const sizeOf = async (path: string): Promise<number> => (await stat(path).catch(() => undefined))?.size ?? 0;

/** In the way in which `like` was made. */
async function hashOf(path: string, like: string): Promise<string | undefined> {
  const size = (await stat(path).catch(() => undefined))?.size;
  if (size === undefined) return undefined;
  const hash = like.length === 64 ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
