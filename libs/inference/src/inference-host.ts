/**
 * The parent's side: one child process that owns the sessions. onnxruntime-node holds the event loop for as long as a run
 * takes and cannot be interrupted, so models run in a process that may block and can be killed; the parent keeps its lock
 * renewals, heartbeats and signals going.
 *
 *   idle ──run──► busy ──answer──► idle
 *                  ├─ canceled, not over after the grace time ──► killed, replaced
 *                  ├─ timed out ──► killed, replaced
 *                  └─ died ──► replaced
 *   after an answer: memory over the limit, device memory exhausted ──► replaced;  before a run: other models ──► replaced
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { InferenceError, TaskPaused } from './errors.ts';
import type { Tasks } from './inference-child.ts';
import type { FromChild, Progress, SentError, ToChild } from './messages.ts';

export type ExitReason = 'crashed' | 'timed_out' | 'cancel_ignored' | 'memory' | 'gpu_out_of_memory' | 'model_switch';

export interface InferenceHostOptions {
  /** The module that calls `serveTasks`. */
  readonly entry: URL;
  readonly args?: readonly string[];
  /** Node's own options for the child; the parent's when absent. */
  readonly execArgv?: readonly string[];
  /** Variables added to the parent's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Run in every fresh child before it counts as ready: loads models, so that the first job does not wait for them. */
  readonly warmUp?: { readonly task: string; readonly payload: unknown };
  /** Resident memory, in bytes, beyond which an idle child is replaced. */
  readonly memoryLimitBytes?: number;
  /** How long a canceled task may take to stop by itself. Default 10 s. */
  readonly cancelGraceMs?: number;
  /** How long a fresh child may take until it answers, and then its warm-up. Default 5 min each. */
  readonly startTimeoutMs?: number;
  /** Called when a child is gone that was not asked to leave. */
  readonly onReplaced?: (event: { reason: ExitReason; pid: number | undefined }) => void;
}

export interface RunOptions {
  readonly signal?: AbortSignal;
  /** Asks the task to stop at its next good place; if it can, the run rejects with `TaskPaused`. */
  readonly pause?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
  /** Told once the task is over, however it ended: how long the child has worked on it, waiting and loading before it not counted. */
  readonly onWorked?: (milliseconds: number) => void;
  /** Longest time the task may take; the child is killed then. No limit when absent. */
  readonly timeoutMs?: number;
  /** The models the task needs. A child that has served other models is replaced first: sessions leak when reloaded. */
  readonly model?: string;
}

type PayloadOf<T> = T extends (payload: infer P, ...rest: never[]) => unknown ? P : never;
type ResultOf<T> = T extends (...args: never[]) => infer R ? Awaited<R> : never;

interface Child {
  readonly process: ChildProcess;
  /** Settles when the child has answered `ready` and is warm; rejects when it could not. */
  readonly started: Promise<void>;
  /** What `RunOptions.model` of its tasks was. */
  model?: string;
}

interface Answer {
  readonly result: unknown;
  /** The child's resident memory after the task, in bytes. */
  readonly rss: number;
}

interface Call {
  readonly id: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
  readonly posted: number;
  readonly onProgress: RunOptions['onProgress'];
  readonly onWorked: RunOptions['onWorked'];
}

export class InferenceHost<T extends Tasks = Tasks> {
  readonly #options: InferenceHostOptions;
  #child: Child | undefined;
  #call: Call | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #nextId = 1;
  #restarts = 0;
  #ready = false;
  #stopped = false;

  constructor(options: InferenceHostOptions) {
    this.#options = options;
  }

  /** The child's process id, while there is one. */
  get pid(): number | undefined {
    return this.#child?.process.pid;
  }

  /** Whether a task would start at once: the child is up and warm. */
  get ready(): boolean {
    return this.#ready;
  }

  /** How many children have been replaced since the start. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Starts and warms the child. Rejects with the warm-up's error, or `worker_lost` when it died or did not answer in time. */
  async start(): Promise<void> {
    await this.#fork().started;
  }

  /**
   * Runs a task in the child and resolves to its result. Tasks wait for one another. Rejects with an `InferenceError`: the
   * task's own code, or `canceled`, `stage_timeout`, `worker_lost`; with `TaskPaused` when it was asked to pause and did.
   */
  run<K extends keyof T & string>(task: K, payload: PayloadOf<T[K]>, options: RunOptions = {}): Promise<ResultOf<T[K]>> {
    const turn = this.#queue.then(() => this.#runNow(task, payload, options));
    this.#queue = turn.catch(() => {});
    return turn as Promise<ResultOf<T[K]>>;
  }

  /** Ends the child; a task under way rejects with `worker_lost`. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const child = this.#child;
    if (!child) return;
    const exited = hasExited(child.process) ? Promise.resolve() : once(child.process, 'exit');
    const killer = setTimeout(() => child.process.kill('SIGKILL'), this.#call ? 0 : 2_000);
    if (child.process.connected) child.process.disconnect();
    await exited;
    clearTimeout(killer);
  }

  async #runNow(task: string, payload: unknown, options: RunOptions): Promise<unknown> {
    const { signal, model } = options;
    throwIfCanceled(signal);
    if (model !== undefined && this.#child?.model !== undefined && this.#child.model !== model) await this.#replace('model_switch');
    const child = this.#child ?? this.#fork();
    await child.started.catch((error: unknown) => {
      // A warm-up that failed says nothing about this task; a child that is gone does.
      if (hasExited(child.process) || !child.process.connected) throw error;
    });
    throwIfCanceled(signal);
    if (model !== undefined) child.model = model;
    try {
      const { result, rss } = await this.#exchange(child.process, task, payload, options);
      if (rss > (this.#options.memoryLimitBytes ?? Infinity)) void this.#replace('memory');
      return result;
    } catch (error) {
      if ((error as InferenceError).code === 'gpu_out_of_memory') void this.#replace('gpu_out_of_memory');
      throw error;
    }
  }

  async #exchange(child: ChildProcess, task: string, payload: unknown, options: RunOptions): Promise<Answer> {
    const { signal, pause, onProgress, onWorked, timeoutMs } = options;
    const id = this.#nextId++;
    const answered = new Promise<Answer>((resolve, reject) => {
      this.#call = { id, resolve, reject, onProgress, onWorked, posted: performance.now() };
    });
    const timers: NodeJS.Timeout[] = [];
    const giveUp = (reason: ExitReason, error: InferenceError) => {
      this.#abandon(error);
      void this.#replace(reason);
    };
    const askToPause = () => post(child, { type: 'pause', id });
    const cancel = () => {
      post(child, { type: 'cancel', id });
      const grace = this.#options.cancelGraceMs ?? 10_000;
      timers.push(setTimeout(() => giveUp('cancel_ignored', canceled(signal)), grace));
    };
    signal?.addEventListener('abort', cancel, { once: true });
    pause?.addEventListener('abort', askToPause, { once: true });
    if (timeoutMs !== undefined) {
      timers.push(
        setTimeout(
          () => giveUp('timed_out', new InferenceError('stage_timeout', `${task} took longer than ${timeoutMs} ms.`, { task, timeoutMs })),
          timeoutMs,
        ),
      );
    }
    try {
      post(child, { type: 'run', id, task, payload });
      if (pause?.aborted) askToPause();
      const answer = await answered;
      throwIfCanceled(signal);
      return answer;
    } catch (error) {
      throwIfCanceled(signal);
      throw error;
    } finally {
      signal?.removeEventListener('abort', cancel);
      pause?.removeEventListener('abort', askToPause);
      timers.forEach(clearTimeout);
    }
  }

  #fork(): Child {
    if (this.#stopped) throw new InferenceError('worker_lost', 'The inference host was stopped.');
    const { entry, args = [], execArgv = process.execArgv, env = {} } = this.#options;
    const child = fork(fileURLToPath(entry), [...args], {
      serialization: 'advanced',
      execArgv: [...execArgv],
      env: { ...process.env, ...env, ORT_DISABLE_TELEMETRY: '1' },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    child.on('message', (message: FromChild) => this.#receive(message));
    child.on('error', (error) =>
      this.#call?.reject(new InferenceError('worker_lost', `The inference process failed: ${error.message}`, {}, { cause: error })),
    );
    child.on('exit', (code, signal) => this.#lost(child, code, signal));
    const started = this.#warm(child);
    started.catch(() => {}); // whoever waits for it sees the rejection; nobody has to
    return (this.#child = { process: child, started });
  }

  async #warm(child: ChildProcess): Promise<void> {
    const { startTimeoutMs = 300_000, warmUp } = this.#options;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), startTimeoutMs);
      const settle = (error?: Error) => {
        clearTimeout(timer);
        child.off('message', onMessage).off('exit', onExit);
        if (error) reject(error);
        else resolve();
      };
      const onMessage = (message: FromChild) => message.type === 'ready' && settle();
      const onExit = (code: number | null, signal: string | null) =>
        settle(new InferenceError('worker_lost', `The inference process ended (${signal ?? code}) before it was ready.`));
      child.on('message', onMessage).on('exit', onExit);
    });
    if (warmUp) await this.#exchange(child, warmUp.task, warmUp.payload, { timeoutMs: startTimeoutMs });
    if (this.#child?.process === child) this.#ready = true;
  }

  #receive(message: FromChild): void {
    const call = this.#call;
    if (message.type === 'ready' || !call || message.id !== call.id) return;
    if (message.type === 'progress') {
      call.onProgress?.(message.progress);
      return;
    }
    this.#call = undefined;
    call.onWorked?.(message.workedMs);
    if (message.type === 'failed') call.reject(received(message.error));
    else if (message.type === 'paused') call.reject(new TaskPaused(message.state));
    else call.resolve(message);
  }

  /** There will be no answer; the child has worked until now. */
  #abandon(error: InferenceError): void {
    const call = this.#call;
    this.#call = undefined;
    call?.onWorked?.(performance.now() - call.posted);
    call?.reject(error);
  }

  /** Kills the child and starts the next one at once, so that it is warm when the next task comes. */
  async #replace(reason: ExitReason): Promise<void> {
    const old = this.#child;
    if (!old) return;
    this.#child = undefined;
    this.#ready = false;
    const gone = hasExited(old.process) ? Promise.resolve() : once(old.process, 'exit');
    old.process.kill('SIGKILL');
    await gone;
    this.#restarts++;
    this.#options.onReplaced?.({ reason, pid: old.process.pid });
    if (!this.#stopped && !this.#child) this.#fork();
  }

  #lost(process: ChildProcess, code: number | null, signal: string | null): void {
    if (this.#child?.process !== process) return; // replaced on purpose
    const wasReady = this.#ready;
    this.#abandon(new InferenceError('worker_lost', `The inference process ended (${signal ?? code}) during the task.`, { code, signal }));
    if (this.#stopped) {
      this.#child = undefined;
      this.#ready = false;
    } else if (wasReady) {
      void this.#replace('crashed');
    } else {
      this.#child = undefined; // died while starting: the next task tries again, instead of a loop of dying processes
      this.#restarts++;
    }
  }
}

const hasExited = (process: ChildProcess) => process.exitCode !== null || process.signalCode !== null;

/** A send that finds the channel closed is not an error here: the child's exit is what the caller will see. */
const post = (process: ChildProcess, message: ToChild) => process.send(message, () => {});

const canceled = (signal: AbortSignal | undefined) =>
  new InferenceError('canceled', 'The task was canceled.', {}, { cause: signal?.reason });

function throwIfCanceled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw canceled(signal);
}

function received({ code, message, detail, stack }: SentError): InferenceError {
  const error = new InferenceError(code, message, detail);
  if (stack !== undefined) error.stack = stack;
  return error;
}
