/**
 * The child's side: a module that calls `serveTasks` is an inference process. It runs one task at a time, may block its own
 * event loop, and lives exactly as long as its parent.
 */
import { Worker } from 'node:worker_threads';
import { InferenceError, TaskPaused } from './errors.ts';
import type { FromChild, Progress, SentError, ToChild } from './messages.ts';

export interface TaskContext {
  /** Tells the parent how far the task has come. */
  progress(progress: Progress): void;
  /** Aborted when the parent cancels. A cancel message is only read when the task lets the event loop turn: see `nextTurn`. */
  readonly signal: AbortSignal;
  /** Aborted when the parent wants the task to stop at the next good place by throwing `TaskPaused`. One that has none just goes on. */
  readonly pause: AbortSignal;
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
  const running = new Map<number, Record<'cancel' | 'pause', AbortController>>();
  // A parent that is gone takes its child along; a message that finds the channel broken says so before `disconnect` does.
  const leave = () => process.exit(0);
  const send = (message: FromChild) => void process.send?.(message, undefined, undefined, (error) => error && leave());
  process.on('disconnect', leave);
  watchParent();
  // A Ctrl-C reaches the whole process group; the parent decides when its child may go.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});

  process.on('message', (message: ToChild) => {
    if (message.type === 'cancel') return running.get(message.id)?.cancel.abort(new InferenceError('canceled', 'The task was canceled.'));
    if (message.type === 'pause') return running.get(message.id)?.pause.abort();
    const { id, task, payload } = message;
    const controls = { cancel: new AbortController(), pause: new AbortController() };
    running.set(id, controls);
    const context: TaskContext = {
      signal: controls.cancel.signal,
      pause: controls.pause.signal,
      progress: (progress) => send({ type: 'progress', id, progress }),
    };
    void answer(tasks, task, payload, context)
      .then((reply) => send({ ...reply, id }))
      .finally(() => running.delete(id));
  });

  send({ type: 'ready' });
}

/** A task that holds the event loop in native code hears of no disconnect: a thread of its own looks after the parent. */
function watchParent(): void {
  const watch = `
    const { workerData: parent } = require('node:worker_threads');
    setInterval(() => process.ppid === parent || process.kill(process.pid, 'SIGKILL'), 500);`;
  new Worker(watch, { eval: true, workerData: process.ppid, execArgv: [], resourceLimits: { maxOldGenerationSizeMb: 8 } }).unref();
}

type Reply = { workedMs: number } & (
  { type: 'done'; result: unknown; rss: number } | { type: 'paused'; state: Uint8Array } | { type: 'failed'; error: SentError }
);

async function answer(tasks: Tasks, name: string, payload: unknown, context: TaskContext): Promise<Reply> {
  const started = performance.now();
  const worked = () => ({ workedMs: performance.now() - started });
  try {
    const task = tasks[name];
    if (!task) throw new InferenceError('internal', `The inference process has no task "${name}".`, { tasks: Object.keys(tasks) });
    const result = await task(payload as never, context);
    return { type: 'done', result, rss: process.memoryUsage.rss(), ...worked() };
  } catch (error) {
    if (error instanceof TaskPaused) return { type: 'paused', state: error.state, ...worked() };
    return { type: 'failed', error: sendable(error), ...worked() };
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
