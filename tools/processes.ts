import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { childEnvironment } from './setup.mjs';

/** The repository root: every command of this folder runs there. */
export const root = resolve(import.meta.dirname, '..');

export interface CommandOptions {
  readonly env?: Record<string, string>;
  /** `show` gives the command our terminal; `keep` collects stdout and stderr for the caller to print. */
  readonly output?: 'show' | 'keep';
  /** The command is ended (SIGKILL) when it takes longer. */
  readonly timeoutMs?: number;
}

export interface CommandResult {
  /** 0 is success; 128 + number when a signal ended the command, 127 when there is no such command. */
  readonly code: number;
  readonly output: string;
  readonly seconds: number;
}

const running = new Set<ChildProcess>();
let interruptedBy: NodeJS.Signals | undefined;

/** Runs one command to its end, with node_modules/.bin first on PATH. Never throws for a failing command: look at `code`. */
export async function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const started = performance.now();
  const child = start(command, args, options);
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => chunks.push(chunk));
  const code = await exitOf(child);
  return { code, output: Buffer.concat(chunks).toString('utf8'), seconds: (performance.now() - started) / 1000 };
}

/** Starts a command and leaves it running; a signal to this process reaches it, and `exitOf` waits for it. */
export function start(
  command: string,
  args: readonly string[],
  { env = {}, output = 'show', timeoutMs }: CommandOptions = {},
): ChildProcess {
  const child = spawn(command, args, {
    cwd: root,
    env: { ...childEnvironment(process.env), ...env },
    stdio: output === 'show' ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    killSignal: 'SIGKILL',
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
  });
  running.add(child);
  child.once('close', () => running.delete(child));
  child.once('error', () => running.delete(child));
  if (interruptedBy) child.kill(interruptedBy);
  return child;
}

export function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((settle, fail) => {
    child.once('error', (error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? settle(127) : fail(error)));
    child.once('close', (code, signal) => settle(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}

/** Passes SIGINT and SIGTERM on to whatever runs; `wasInterrupted` then tells a sequence of commands to stop. */
export function forwardSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      interruptedBy = signal;
      for (const child of running) child.kill(signal);
    });
  }
}

export function wasInterrupted(): boolean {
  return interruptedBy !== undefined;
}
