import { createLogger, type Logger } from '@likeness/platform/telemetry';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Loop } from './loop.ts';

let lines: string[];
let log: Logger;
let loop: Loop | undefined;

beforeEach(() => {
  vi.useFakeTimers();
  lines = [];
  log = createLogger('test', 'info', { write: (line: string) => void lines.push((JSON.parse(line) as { msg: string }).msg) });
});
afterEach(async () => {
  await loop?.stop();
  vi.useRealTimers();
});

/** Counts its rounds; each does what the next entry says, the last one again and again. */
function counting(...rounds: (() => Promise<number | void>)[]) {
  let count = 0;
  loop = new Loop('the work', log, 1_000, () => (rounds[Math.min(count++, rounds.length - 1)] ?? (() => Promise.resolve()))());
  return { loop, count: () => count };
}
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

describe('a loop', () => {
  it('works at once, then at its pace', async () => {
    const { count } = counting(async () => undefined);
    await pass(0);
    expect(count()).toBe(1);
    await pass(999);
    expect(count()).toBe(1);
    await pass(1);
    expect(count()).toBe(2);
  });

  it('works at once after a ring, and once more for all rings that came while it worked', async () => {
    const gate = Promise.withResolvers<void>();
    const { loop, count } = counting(
      async () => undefined,
      () => gate.promise,
      async () => undefined,
    );
    await pass(0);
    loop.ring();
    await pass(0);
    expect(count()).toBe(2);
    for (let i = 0; i < 5; i++) loop.ring();
    gate.resolve();
    await pass(0);
    expect(count()).toBe(3);
  });

  it('goes on at once while there is more, and earlier when it is told', async () => {
    const { count } = counting(
      async () => 0,
      async () => 0,
      async () => 300,
      async () => 5_000,
    );
    await pass(0);
    expect(count()).toBe(3);
    await pass(300);
    expect(count()).toBe(4);
    await pass(1_000);
    expect(count()).toBe(5);
  });

  it('says once that it fails and once that it works again, and is not driven faster by rings meanwhile', async () => {
    const fail = () => Promise.reject(new Error('away'));
    const { loop, count } = counting(fail, fail, async () => undefined);
    await pass(0);
    for (let i = 0; i < 10; i++) loop.ring();
    await pass(500);
    expect(count()).toBe(1);
    await pass(1_500);
    expect(count()).toBe(3);
    expect(lines).toEqual(['the work does not work', 'the work works again']);
  });

  it('stops when the round under way is over', async () => {
    const gate = Promise.withResolvers<void>();
    const { loop, count } = counting(() => gate.promise);
    let stopped = false;
    const stop = loop.stop().then(() => (stopped = true));
    await pass(5_000);
    expect(stopped).toBe(false);
    gate.resolve();
    await stop;
    await pass(5_000);
    expect(count()).toBe(1);
  });
});
