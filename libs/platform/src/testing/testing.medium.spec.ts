import { connect } from 'node:net';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openObjectStore } from '../storage/index.ts';
import { serverOrSkip, ServerMissing, startMinio, startRedis } from './index.ts';
import { startServer } from './server.ts';

afterEach(() => void vi.unstubAllEnvs());

describe('servers for tests', () => {
  it('starts a Redis of its own that evicts nothing, and ends it', async (test) => {
    const redis = await serverOrSkip(startRedis);
    test.skip(redis === undefined, 'no redis-server');
    const client = new Redis(redis!.url);
    expect(await client.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
    expect(await client.dbsize()).toBe(0);
    await client.quit();
    await redis!.stop();
    await expect(connected(redis!.port)).rejects.toThrow('ECONNREFUSED');
  });

  it('brings a Redis back where the last one was', async (test) => {
    const first = await serverOrSkip(startRedis);
    test.skip(first === undefined, 'no redis-server');
    await first!.stop();
    const second = await startRedis({ port: first!.port });
    expect(second.url).toBe(first!.url);
    await second.stop();
  });

  it('starts an S3 server that the object store can use', async (test) => {
    const s3 = await serverOrSkip(startMinio);
    test.skip(s3 === undefined, 'no S3 server');
    try {
      const store = openObjectStore(s3!.url);
      await store.check();
      await store.put('testing/greeting', Buffer.from('hello'), { contentType: 'text/plain' });
      expect(Buffer.from(await store.get('testing/greeting')).toString()).toBe('hello');
      await store.remove(['testing/greeting']);
    } finally {
      await s3!.stop();
    }
  });

  it('says why a server did not start', async () => {
    const command = () => ['/bin/sh', '-c', 'echo the disk is full; exit 3'];
    await expect(startServer({ name: 'broken', command, answers: async () => false })).rejects.toThrow(
      /broken did not start on port \d+; the end of its output:\nthe disk is full/,
    );
  });

  it('skips a missing server with a warning, and refuses to with CI=true', async () => {
    const missing = () => Promise.reject(new ServerMissing('no such server'));
    const warn = vi.spyOn(console, 'warn').mockReturnValue();
    vi.stubEnv('CI', '');
    expect(await serverOrSkip(missing)).toBeUndefined();
    expect(warn).toHaveBeenCalledWith('SKIPPED: no such server');
    warn.mockRestore();
    vi.stubEnv('CI', 'true');
    await expect(serverOrSkip(missing)).rejects.toThrow('no such server');
  });

  it('passes on every other failure', async () => {
    await expect(serverOrSkip(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  });
});

async function connected(port: number): Promise<void> {
  await new Promise<void>((done, failed) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      done();
    }).once('error', failed);
  });
}
