import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Drain } from './drain.ts';
import { Pace } from './infer.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('the end of a worker', () => {
  const signals = ({ begun, over, stop }: Drain) => [begun, over, stop].map(({ aborted }) => aborted);

  it('gives those at work their time, then a moment to save, then stops them', async () => {
    const drain = new Drain(6_000);
    expect(signals(drain)).toEqual([false, false, false]);
    expect(drain.leftMs).toBe(Infinity);
    void drain.run(() => new Promise(() => {}));
    expect(signals(drain)).toEqual([true, false, false]);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(drain.leftMs).toBe(2_000);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(signals(drain)).toEqual([true, true, false]);
    await vi.advanceTimersByTimeAsync(2_500);
    expect(signals(drain)).toEqual([true, true, true]);
    expect(drain.limitMs).toBe(8_500);
  });

  it('is over at once when nobody is at work', async () => {
    const drain = new Drain(6_000);
    await drain.run(async () => {});
    await vi.advanceTimersByTimeAsync(60_000);
    expect(signals(drain)).toEqual([true, false, false]);
  });
});

describe('how long a task will still take', () => {
  it('is known from its second step on, and takes no account of what came before its first', async () => {
    const pace = new Pace();
    expect(pace.remainingMs).toBe(0);
    await vi.advanceTimersByTimeAsync(30_000); // the models are loaded
    pace.saw(11, 50); // an earlier worker had made ten
    expect(pace.remainingMs).toBe(0);
    await vi.advanceTimersByTimeAsync(200);
    pace.saw(12, 50);
    expect(pace.remainingMs).toBeCloseTo(38 * 200);
    await vi.advanceTimersByTimeAsync(100);
    expect(pace.remainingMs).toBeCloseTo(38 * 200 - 100);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(pace.remainingMs).toBe(0);
  });
});
