import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { root } from './processes.ts';

/** Starts what `npm run` would; lines of its stdout can be awaited one by one. */
function startSetUp(...args: string[]) {
  const child = spawn('node', ['tools/setup.mjs', '--then', 'tools/testing/setup-target.ts', ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async () => String((await lines.next()).value);
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { child, nextLine, ended };
}

describe('setup, then a command', () => {
  it('passes arguments and the exit code through, on the installed Node', async () => {
    const { nextLine, ended } = startSetUp('exit', '--once', '--prompt', 'a man, reading');
    expect(JSON.parse(await nextLine())).toEqual({ node: expect.stringMatching(/^24\./), args: ['--once', '--prompt', 'a man, reading'] });
    expect(await ended).toBe(7);
  });

  it('passes a signal on and waits for the end', async () => {
    const { child, nextLine, ended } = startSetUp('wait');
    await nextLine();
    child.kill('SIGTERM');
    expect(await nextLine()).toBe('asked to end');
    expect(await ended).toBe(3);
  });
});
