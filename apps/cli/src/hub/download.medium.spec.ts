import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HubServer, type Failure } from '../testing/hub-server.ts';
import { download, type Download } from './download.ts';

const bytes = randomBytes(200_000);
const hash = createHash('sha256').update(bytes).digest('hex');

let dir: string;
let hub: HubServer;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'download-'));
  hub = new HubServer();
  await hub.start();
  await writeFile(join(dir, 'source'), bytes);
  hub.files.set('file', join(dir, 'source'));
});
afterEach(async () => {
  await hub.stop();
  await rm(dir, { recursive: true });
});

const target = () => join(dir, 'blobs', hash);
const fetched = (changes: Partial<Download> = {}) =>
  download({ url: `${hub.storeUrl}/file`, target: target(), bytes: bytes.length, hash, backoffMs: 1, ...changes });
const ranges = () => hub.seen.map(({ range }) => range);
const left = () => readdir(join(dir, 'blobs'));
const failing = (...failures: Failure[]) => hub.behaviour.failures.push(...failures);

describe('a download', () => {
  it('comes in one piece, and not twice', async () => {
    const seen: number[] = [];
    await fetched({ onBytes: (n) => seen.push(n) });
    expect((await readFile(target())).equals(bytes)).toBe(true);
    expect(seen[0]).toBe(0);
    expect(seen.at(-1)).toBe(bytes.length);
    await fetched();
    expect(hub.seen).toHaveLength(1);
    expect(await left()).toEqual([hash]);
  });

  it('goes on where a connection broke, however often it gets further', async () => {
    failing({ cut: 30_000 }, { short: 20_000 }, { cut: 10_000 }, { short: 5000 }, { cut: 5000 }, { cut: 5000 }, { cut: 5000 });
    await fetched();
    expect((await readFile(target())).equals(bytes)).toBe(true);
    expect(ranges()[0]).toBeUndefined();
    expect(
      ranges()
        .slice(1)
        .every((range) => /^bytes=\d+-$/.test(range!)),
    ).toBe(true);
    const starts = ranges()
      .slice(1)
      .map((range) => Number(range!.match(/\d+/)![0]));
    expect(starts).toEqual(starts.toSorted((a, b) => a - b));
  });

  it('waits for a server that is busy, and gives up when it stays so', async () => {
    failing(503, 429, 500);
    await fetched();
    failing(500, 502, 503, 504, 500);
    await expect(fetched({ target: join(dir, 'blobs/other') })).rejects.toThrow(/the server answers 500 \(tried 5 times\)/);
  });

  it('starts again at a server that knows no ranges', async () => {
    hub.behaviour.noRanges = true;
    failing({ cut: 50_000 });
    await fetched();
    expect(ranges()).toEqual([undefined, 'bytes=50000-']);
    expect((await readFile(target())).equals(bytes)).toBe(true);
  });

  it('starts again when the server does not continue there', async () => {
    failing({ cut: 50_000 }, 416);
    await fetched();
    expect(ranges()).toEqual([undefined, 'bytes=50000-', undefined]);
    expect((await readFile(target())).equals(bytes)).toBe(true);
  });

  it('is removed when its hash is wrong, and not tried again', async () => {
    hub.behaviour.replaced.set('file', randomBytes(bytes.length));
    await expect(fetched()).rejects.toMatchObject({
      code: 'model_unavailable',
      message: expect.stringMatching(new RegExp(`its hash is [0-9a-f]{64}, not ${hash}`)) as unknown,
    });
    expect(hub.seen).toHaveLength(1);
    expect(await left()).toEqual([]);
  });

  it('is begun anew when what an earlier run left was of another file', async () => {
    await fetched();
    await rm(target());
    await writeFile(`${target()}.999999999.incomplete`, randomBytes(70_000));
    await fetched();
    expect(ranges().slice(1)).toEqual(['bytes=70000-', undefined]);
    expect(await left()).toEqual([hash]);
  });

  it('takes over what a dead process left', async () => {
    await fetched();
    await rm(target());
    await writeFile(`${target()}.999999999.incomplete`, bytes.subarray(0, 150_000));
    await fetched();
    expect(ranges().slice(1)).toEqual(['bytes=150000-']);
    expect((await readFile(target())).equals(bytes)).toBe(true);
  });

  it('waits for another process that is at it', async () => {
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    try {
      await fetched();
      const theirs = `${target()}.${other.pid!}.incomplete`;
      await rename(target(), theirs);
      let waits = 0;
      await fetched({ onWait: () => void (waits++ === 0 && rename(theirs, target())) });
      expect(waits).toBe(1);
      expect(hub.seen).toHaveLength(1);
    } finally {
      other.kill('SIGKILL');
    }
  });

  it('refuses more than was promised', async () => {
    await expect(fetched({ bytes: 100_000 })).rejects.toThrow(/sends more than the 100000 bytes it promised/);
  });

  it('stops when it is told to, and keeps what came', async () => {
    failing({ stall: 60_000 });
    const stop = new AbortController();
    const going = fetched({ signal: stop.signal, onBytes: (n) => n >= 60_000 && stop.abort(new Error('enough')) });
    await expect(going).rejects.toThrow('enough');
    expect(await left()).toEqual([`${hash}.${process.pid}.incomplete`]);
    await fetched();
    expect(ranges()).toEqual([undefined, 'bytes=60000-']);
  });

  it.each([
    [404, /answers 404: there is no such file/],
    [403, /answers 403: it wants a token that may read this: set HF_TOKEN/],
    [401, /answers 401: it wants a token: set HF_TOKEN/],
    [410, /answers 410\.$/],
  ])('does not repeat what a %i refuses', async (status, message) => {
    failing(status);
    await expect(fetched()).rejects.toThrow(message);
    expect(hub.seen).toHaveLength(1);
  });

  it('says that nothing answers', async () => {
    const url = 'http://127.0.0.1:1/file';
    await expect(download({ url, target: target(), bytes: bytes.length, hash, backoffMs: 1 })).rejects.toThrow(
      /(ECONNREFUSED|bad port).*\(tried 5 times\)/,
    );
  });
});
