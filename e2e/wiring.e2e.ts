import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { useStack } from './stack.ts';

const home = mkdtempSync(join(tmpdir(), 'likeness-home-'));

/** Every listening TCP address of this process tree, as the kernel tells: `address:port` in hexadecimal of /proc/net/tcp. */
function listeners(pids: readonly number[]): string[] {
  const inodes = new Set(
    pids.flatMap((pid) =>
      execFileSync('sh', ['-c', `ls -l /proc/${pid}/fd 2>/dev/null | sed -n 's/.*socket:\\[\\([0-9]*\\)\\].*/\\1/p'`], {
        encoding: 'utf8',
      }).split('\n'),
    ),
  );
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((columns) => columns[3] === '0A' && inodes.has(columns[9] ?? ''))
      .map((columns) => columns[1] ?? ''),
  );
}

const LOOPBACK = /^(0100007F|00000000000000000000000001000000|0000000000000000FFFF00000100007F):/;

describe('the processes', () => {
  const fixture = useStack({ env: { HOME: home } });

  it.runIf(process.platform === 'linux')('listen on loopback only', () => {
    const pids = Object.values(fixture().stack.connection().pids).flat() as number[];
    const open = listeners(pids);
    expect(open.length).toBeGreaterThanOrEqual(5);
    expect(open.filter((address) => !LOOPBACK.test(address))).toEqual([]);
  });

  it('leave no telemetry behind after a job', async () => {
    const { client, photo } = fixture();
    const job = await client.create({ reference_images: [(await client.upload(photo)).id], prompt: 'a person', steps: 2 });
    expect((await client.untilTerminal(job.id)).status).toBe('succeeded');
    expect(existsSync(join(home, '.cache', 'Microsoft'))).toBe(false);
  });

  it("a parent's event loop stays free while its child denoises", async () => {
    const { client, photo, stack } = fixture();
    const log = readFileSync(join(stack.directory.path, 'logs', 'diffusion-worker.log'), 'utf8');
    const port = Number(/"port":(\d+)/.exec(log)?.[1]);
    const delay = async () => {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      return Number(/^event_loop_delay_p99_ms\S* (\S+)$/m.exec(text)?.[1]);
    };
    await delay(); // a reading begins the next span
    const job = await client.create({ reference_images: [(await client.upload(photo)).id], prompt: 'a person', steps: 60, num_images: 2 });
    await client.until(job.id, (g) => g.stage === 'sample' && (g.progress?.step ?? 0) > 100);
    expect(await delay()).toBeLessThan(50);
    expect((await client.untilTerminal(job.id)).status).toBe('succeeded');
  });

  it('connection.json names every process', () => {
    const { stack } = fixture();
    const connection = JSON.parse(readFileSync(join(stack.directory.path, 'connection.json'), 'utf8')) as Record<string, unknown>;
    expect(connection).toEqual({
      url: stack.url,
      api_key: expect.stringMatching(/^lk_/) as string,
      admin_key: expect.stringMatching(/^lk_/) as string,
      webhook_secret: expect.stringMatching(/^whsec_/) as string,
      pids: {
        api: expect.any(Number) as number,
        dispatcher: expect.any(Number) as number,
        'parsing-worker': [expect.any(Number)],
        'embedding-worker': [expect.any(Number)],
        'diffusion-worker': [expect.any(Number)],
      },
    });
  });
});
