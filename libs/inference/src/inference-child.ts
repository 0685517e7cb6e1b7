/**
 * The child's side: a module that calls `serveTasks` is an inference process. It runs one task at a time, may block its own
 * event loop, and lives exactly as long as its parent.
 */
import { InferenceError } from './errors.ts';
import type { FromChild, Progress, SentError, ToChild } from './messages.ts';

export interface TaskContext {
  /** Tells the parent how far the task has come. */
  progress(progress: Progress): void;
  /** Aborted when the parent cancels. A cancel message is only read when the task lets the event loop turn: see `nextTurn`. */
  readonly signal: AbortSignal;
}

/** A unit of work: payload and result must survive structured cloning. */
export type Task<Payload, Result> = (payload: Payload, context: TaskContext) => Promise<Result> | Result;
export type Tasks = Record<string, Task<never, unknown>>;

/** Lets pending messages in; then throws when one of them was a cancel. Called between two long native calls. */
export async function nextTurn(signal?: AbortSignal): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  signal?.throwIfAborted();
}

/** Answers the parent's calls with `tasks` until the parent goes away. */
export function serveTasks(tasks: Tasks): void {
  if (!process.send) throw new Error('serveTasks must run in a process that an InferenceHost has started.');
  const running = new Map<number, AbortController>();
  const send = (message: FromChild) => {
    if (process.connected) process.send?.(message);
  };

  process.on('disconnect', () => process.exit(0));
  // A Ctrl-C reaches the whole process group; the parent decides when its child may go.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});

  process.on('message', (message: ToChild) => {
    if (message.type === 'cancel') {
      running.get(message.id)?.abort(new InferenceError('canceled', 'The task was canceled.'));
      return;
    }
    const { id, task, payload } = message;
    const controller = new AbortController();
    running.set(id, controller);
    const context: TaskContext = { signal: controller.signal, progress: (progress) => send({ type: 'progress', id, progress }) };
    void answer(tasks, task, payload, context)
      .then((reply) => send({ ...reply, id }))
      .finally(() => running.delete(id));
  });

  send({ type: 'ready' });
}

type Reply = { type: 'done'; result: unknown; rss: number } | { type: 'failed'; error: SentError };

async function answer(tasks: Tasks, name: string, payload: unknown, context: TaskContext): Promise<Reply> {
  try {
    const task = tasks[name];
    if (!task) throw new InferenceError('internal', `The inference process has no task "${name}".`, { tasks: Object.keys(tasks) });
    const result = await task(payload as never, context);
    return { type: 'done', result, rss: process.memoryUsage.rss() };
  } catch (error) {
    return { type: 'failed', error: sendable(error) };
  }
}

/** Anything thrown, as plain data. An error without a code is a defect: `internal`. */
function sendable(thrown: unknown): SentError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const { code, detail } = error as { code?: unknown; detail?: Record<string, unknown> };
  return { code: typeof code === 'string' ? code : 'internal', message: error.message, detail: plain(detail), stack: error.stack };
}

/** Detail is for people and logs: whatever does not survive cloning is dropped rather than failing the answer. */
const plain = (detail: Record<string, unknown> | undefined): Record<string, unknown> =>
  JSON.parse(JSON.stringify(detail ?? {}, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))) as Record<
    string,
    unknown
  >;
