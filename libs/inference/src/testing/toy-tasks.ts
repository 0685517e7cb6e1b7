/** An inference process with tasks that misbehave on demand. */
import { setTimeout as sleep } from 'node:timers/promises';
import { InferenceError, TaskPaused } from '../errors.ts';
import { nextTurn, serveTasks, type TaskContext } from '../inference-child.ts';

const kept: Buffer[] = [];
let served = 0;

const tasks = {
  echo: (payload: { bytes: Uint8Array }) => ({ bytes: payload.bytes, served: ++served, pid: process.pid }),
  count: async ({ steps, pauseMs }: { steps: number; pauseMs: number }, { progress, signal }: TaskContext) => {
    for (let step = 1; step <= steps; step++) {
      const until = Date.now() + pauseMs;
      while (Date.now() < until); // as native code does: the event loop stands still
      progress({ step, total: steps });
      await nextTurn(signal);
    }
    return steps;
  },
  /** Hands back how far it has come when it is asked to pause. */
  countOn: async ({ from, steps }: { from: number; steps: number }, { progress, pause }: TaskContext) => {
    for (let step = from + 1; step <= steps; step++) {
      progress({ step, total: steps });
      await nextTurn();
      if (pause.aborted) throw new TaskPaused(Uint8Array.of(step));
    }
    return steps;
  },
  sleep: ({ ms }: { ms: number }, { signal }: TaskContext) => sleep(ms, undefined, { signal }),
  chatter: async (_: undefined, { progress, signal }: TaskContext): Promise<never> => {
    for (;;) {
      progress({ step: 1, total: 2 });
      await nextTurn(signal);
    }
  },
  hang: (): never => {
    for (;;); // never turns the event loop
  },
  crash: (): never => {
    process.kill(process.pid, 'SIGKILL');
    for (;;);
  },
  grow: ({ bytes }: { bytes: number }) => {
    kept.push(Buffer.alloc(bytes, 1));
    return kept.length;
  },
  refuse: (): never => {
    throw new InferenceError('image_unreadable', 'Not a picture.', { bytes: 3 });
  },
  exhaust: (): never => {
    throw new InferenceError('gpu_out_of_memory', 'CUDA failure 2: out of memory');
  },
  break: (): never => {
    throw new TypeError('a defect');
  },
  warm: () => ++served,
};
export type ToyTasks = typeof tasks;

serveTasks(tasks);
