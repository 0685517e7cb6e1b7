/** An inference process with tasks that misbehave on demand. */
import { InferenceError } from '../errors.ts';
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
