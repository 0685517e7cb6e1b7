/** The end of a process, in order. */
import type { Logger } from '../telemetry/index.ts';

export interface ShutdownStep {
  /** As a log line says it: `the queue`, `the database`. */
  readonly name: string;
  readonly run: () => Promise<unknown>;
  /** After this long the next step's turn comes all the same. Default 5 s. */
  readonly limitMs?: number;
}

const DEFAULT_LIMIT_MS = 5_000;

/**
 * At the first SIGTERM or SIGINT runs the steps one after another, then exits: with 0, or with 1 when a step failed or took
 * too long. At the second exits at once. A step that fails does not keep the next ones from their turn: the database closes.
 */
export function onShutdown(log: Logger, steps: readonly ShutdownStep[], exit: (code: number) => void = (code) => process.exit(code)): void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals) => {
    if (stopping) return exit(1);
    stopping = true;
    log.info({ signal }, 'stopping');
    void runSteps(log, steps).then((clean) => exit(clean ? 0 : 1));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

/** Whether every step ended well and in time. */
export async function runSteps(log: Logger, steps: readonly ShutdownStep[]): Promise<boolean> {
  let clean = true;
  for (const { name, run, limitMs = DEFAULT_LIMIT_MS } of steps) {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, fail) => {
      timer = setTimeout(() => fail(new Error(`not done within ${limitMs} ms`)), limitMs);
    });
    try {
      await Promise.race([run(), late]);
    } catch (error) {
      clean = false;
      log.error({ err: error, step: name }, 'a step of the shutdown failed');
    } finally {
      clearTimeout(timer);
    }
  }
  return clean;
}
