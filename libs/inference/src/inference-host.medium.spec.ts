import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { TaskPaused } from './errors.ts';
import { InferenceHost, type ExitReason, type InferenceHostOptions } from './inference-host.ts';
import type { ToyTasks } from './testing/toy-tasks.ts';

const hosts: InferenceHost<ToyTasks>[] = [];
function hostWith(options: Partial<InferenceHostOptions> = {}) {
  const reasons: ExitReason[] = [];
  const host = new InferenceHost<ToyTasks>({
    entry: new URL('./testing/toy-tasks.ts', import.meta.url),
    execArgv: [],
    onReplaced: ({ reason }) => reasons.push(reason),
    ...options,
  });
  hosts.push(host);
  return { host, reasons };
}
afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.stop()));
});

const alive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

async function until(condition: () => boolean, ms = 10_000): Promise<void> {
  for (const end = Date.now() + ms; !condition(); await sleep(10))
    if (Date.now() > end) throw new Error('The condition did not come true in time.');
}

describe('InferenceHost', () => {
  it('runs tasks in another process and passes bytes both ways', async () => {
    const { host } = hostWith();
    await host.start();
    const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251);
    const answer = await host.run('echo', { bytes });
    expect(answer.pid).toBe(host.pid);
    expect(answer.pid).not.toBe(process.pid);
    expect(Buffer.from(answer.bytes).equals(bytes)).toBe(true);
    expect(host.ready).toBe(true);
    expect(host.restarts).toBe(0);
  });

  it('keeps the event loop of the parent free while the child blocks its own, and reports every step', async () => {
    const { host } = hostWith();
    await host.start();
    let ticks = 0;
    const timer = setInterval(() => ticks++, 10);
    const steps: number[] = [];
    await host.run('count', { steps: 3, pauseMs: 150 }, { onProgress: ({ step }) => steps.push(step) });
    clearInterval(timer);
    expect(steps).toEqual([1, 2, 3]);
    expect(ticks).toBeGreaterThan(15);
  });

  it('lets tasks wait for one another', async () => {
    const { host } = hostWith();
    const answers = await Promise.all([1, 2, 3].map(() => host.run('echo', { bytes: new Uint8Array() })));
    expect(answers.map((a) => a.served)).toEqual([1, 2, 3]);
  });

  it("hands a task's own error over with its code and detail, and calls a defect internal", async () => {
    const { host } = hostWith();
    await expect(host.run('refuse', undefined)).rejects.toMatchObject({
      code: 'image_unreadable',
      message: 'Not a picture.',
      detail: { bytes: 3 },
    });
    await expect(host.run('break', undefined)).rejects.toMatchObject({ code: 'internal', message: 'a defect' });
    expect(host.restarts).toBe(0);
  });

  it('cancels between steps without losing the child', async () => {
    const { host } = hostWith();
    await host.start();
    const { pid } = host;
    const abort = new AbortController();
    const started = Date.now();
    const run = host.run(
      'count',
      { steps: 200, pauseMs: 20 },
      { signal: abort.signal, onProgress: ({ step }) => step === 3 && abort.abort() },
    );
    await expect(run).rejects.toMatchObject({ code: 'canceled' });
    expect(Date.now() - started).toBeLessThan(2_000);
    expect((await host.run('echo', { bytes: new Uint8Array() })).pid).toBe(pid);
  });

  it('never starts a task whose signal is already aborted', async () => {
    const { host } = hostWith();
    await expect(host.run('crash', undefined, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'canceled' });
    expect(host.pid).toBeUndefined();
  });

  it('kills a child that does not honour a cancel within the grace time', async () => {
    const { host, reasons } = hostWith({ cancelGraceMs: 200 });
    await host.start();
    const { pid } = host;
    const run = host.run('hang', undefined, { signal: AbortSignal.timeout(100) });
    await expect(run).rejects.toMatchObject({ code: 'canceled' });
    await until(() => host.ready);
    expect(host.pid).not.toBe(pid);
    expect(alive(pid!)).toBe(false);
    expect(reasons).toEqual(['cancel_ignored']);
  });

  it('kills and replaces a child that takes too long', async () => {
    const { host, reasons } = hostWith();
    await expect(host.run('hang', undefined, { timeoutMs: 200 })).rejects.toMatchObject({
      code: 'stage_timeout',
      detail: { timeoutMs: 200 },
    });
    expect((await host.run('echo', { bytes: new Uint8Array() })).served).toBe(1);
    expect(host.restarts).toBe(1);
    expect(reasons).toEqual(['timed_out']);
  });

  it('replaces a child that crashed, whether it was working or not', async () => {
    const { host, reasons } = hostWith();
    await expect(host.run('crash', undefined)).rejects.toMatchObject({ code: 'worker_lost', detail: { signal: 'SIGKILL' } });
    await until(() => host.ready);
    process.kill(host.pid!, 'SIGKILL');
    await until(() => host.restarts === 2 && host.ready);
    expect((await host.run('echo', { bytes: new Uint8Array() })).served).toBe(1);
    expect(reasons).toEqual(['crashed', 'crashed']);
  });

  it('replaces an idle child whose memory has grown beyond the limit, after it has answered', async () => {
    const { host, reasons } = hostWith({ memoryLimitBytes: 300 * 2 ** 20 });
    await host.start();
    const { pid } = host;
    expect(await host.run('grow', { bytes: 2 ** 20 })).toBe(1);
    expect(host.pid).toBe(pid);
    expect(await host.run('grow', { bytes: 400 * 2 ** 20 })).toBe(2);
    await until(() => host.ready);
    expect(host.pid).not.toBe(pid);
    expect(reasons).toEqual(['memory']);
    expect(await host.run('grow', { bytes: 2 ** 20 })).toBe(1);
  });

  it('replaces the child when device memory is exhausted and when other models are asked for', async () => {
    const { host, reasons } = hostWith();
    await expect(host.run('exhaust', undefined, { model: 'a' })).rejects.toMatchObject({ code: 'gpu_out_of_memory' });
    const first = await host.run('echo', { bytes: new Uint8Array() }, { model: 'a' });
    const second = await host.run('echo', { bytes: new Uint8Array() }, { model: 'a' });
    const third = await host.run('echo', { bytes: new Uint8Array() }, { model: 'b' });
    expect(second.pid).toBe(first.pid);
    expect(third.pid).not.toBe(first.pid);
    expect(reasons).toEqual(['gpu_out_of_memory', 'model_switch']);
  });

  it('warms every fresh child before it is ready', async () => {
    const { host } = hostWith({ warmUp: { task: 'warm', payload: undefined } });
    await host.start();
    expect(host.ready).toBe(true);
    expect((await host.run('echo', { bytes: new Uint8Array() })).served).toBe(2);
    await expect(host.run('crash', undefined)).rejects.toMatchObject({ code: 'worker_lost' });
    await until(() => host.ready);
    expect((await host.run('echo', { bytes: new Uint8Array() })).served).toBe(2);
  });

  it('says so when the warm-up fails, and still serves tasks', async () => {
    const { host } = hostWith({ warmUp: { task: 'refuse', payload: undefined } });
    await expect(host.start()).rejects.toMatchObject({ code: 'image_unreadable' });
    expect(host.ready).toBe(false);
    expect((await host.run('echo', { bytes: new Uint8Array() })).served).toBe(1);
  });

  it('says so when the child cannot start', async () => {
    const { host } = hostWith({ entry: new URL('./testing/dies-at-once.ts', import.meta.url) });
    await expect(host.start()).rejects.toMatchObject({ code: 'worker_lost' });
    await expect(host.run('echo', { bytes: new Uint8Array() })).rejects.toMatchObject({ code: 'worker_lost' });
  });

  it('leaves no child behind when it is stopped during a task', async () => {
    const { host } = hostWith();
    await host.start();
    const pid = host.pid!;
    const run = host.run('hang', undefined);
    const rejected = expect(run).rejects.toMatchObject({ code: 'worker_lost' });
    await sleep(50);
    await host.stop();
    await rejected;
    expect(alive(pid)).toBe(false);
  });

  it.each(['idle', 'chatter', 'hang'])('takes the child along when the parent is killed: %s', async (task) => {
    const parent = spawn(
      process.execPath,
      [fileURLToPath(new URL('./testing/parent.ts', import.meta.url)), ...(task === 'idle' ? [] : [task])],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let stderr = '';
    parent.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    await sleep(200); // the task is under way
    expect(alive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    await until(() => !alive(pid), 5_000);
    expect(stderr).toBe('');
  });

  it('asks a task to pause, and gives its state to whoever called', async () => {
    const { host } = hostWith();
    const pause = new AbortController();
    const onProgress = ({ step }: { step: number }) => step === 3 && pause.abort();
    const paused = await host
      .run('countOn', { from: 0, steps: 1_000_000 }, { pause: pause.signal, onProgress })
      .catch((error: unknown) => error);
    expect(paused).toBeInstanceOf(TaskPaused);
    const [step = 0] = (paused as TaskPaused).state;
    expect(step).toBeGreaterThanOrEqual(3);
    const steps: number[] = [];
    expect(await host.run('countOn', { from: step, steps: step + 2 }, { onProgress: (progress) => steps.push(progress.step) })).toBe(
      step + 2,
    );
    expect(steps).toEqual([step + 1, step + 2]);
    const early = host.run('countOn', { from: 0, steps: 1_000_000 }, { pause: AbortSignal.abort() });
    await expect(early).rejects.toBeInstanceOf(TaskPaused);
    expect(await host.run('count', { steps: 3, pauseMs: 1 }, { pause: AbortSignal.abort() })).toBe(3); // one that cannot
    expect(host.restarts).toBe(0);
  });

  it('tells how long the child has worked, however the task ended, and counts no waiting', async () => {
    const { host } = hostWith({ warmUp: { task: 'sleep', payload: { ms: 300 } }, cancelGraceMs: 100 });
    const times: number[] = [];
    const onWorked = (ms: number) => times.push(ms);
    const cancel = new AbortController();
    await Promise.allSettled([
      host.run('sleep', { ms: 100 }, { onWorked }),
      host.run('sleep', { ms: 50 }, { onWorked }), // waits for the first
      host.run('refuse', undefined, { onWorked }),
      host.run('chatter', undefined, { onWorked, signal: cancel.signal, onProgress: () => cancel.abort() }),
      host.run('crash', undefined, { onWorked }),
      host.run('hang', undefined, { onWorked, timeoutMs: 200 }),
      host.run('echo', { bytes: new Uint8Array() }, { onWorked, signal: AbortSignal.abort() }), // never begun
    ]);
    expect(times).toHaveLength(6);
    const [first, second, refused, , , hung] = times as [number, number, number, number, number, number];
    expect(first).toBeLessThan(290);
    expect(first).toBeGreaterThan(90);
    expect(second).toBeLessThan(first);
    expect(refused).toBeLessThan(45);
    expect(hung).toBeGreaterThan(190);
  });
});
