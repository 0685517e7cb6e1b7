/** One supervised process: started again when it dies, stopped with a time limit, its output in a file. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ProcessSpec {
  readonly name: string;
  /** The module to run. */
  readonly main: string;
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
}

/** First wait before a restart; doubled up to the second number while the process keeps dying young. */
const BACK_OFF_MS = [500, 10_000] as const;
const YOUNG_MS = 30_000;

export class SupervisedProcess {
  readonly #spec: ProcessSpec;
  readonly #onRestart: (name: string) => void;
  readonly #log: WriteStream;
  #child: ChildProcess | undefined;
  readonly #stopping = new AbortController();
  #life: Promise<void>;

  constructor(spec: ProcessSpec, onRestart: (name: string) => void) {
    this.#spec = spec;
    this.#onRestart = onRestart;
    this.#log = createWriteStream(spec.logFile, { flags: 'a', mode: 0o600 });
    this.#life = this.#keepAlive();
  }

  get name(): string {
    return this.#spec.name;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** SIGTERM, and SIGKILL when it has not ended after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    const child = this.#child;
    child?.kill('SIGTERM');
    const killer = setTimeout(() => child?.kill('SIGKILL'), graceMs);
    await this.#life;
    clearTimeout(killer);
    this.#log.end();
  }

  async #keepAlive(): Promise<void> {
    let wait: number = BACK_OFF_MS[0];
    for (let first = true; !this.#stopping.signal.aborted; first = false) {
      const startedAt = Date.now();
      // The channel is only there so that a supervisor that is gone is noticed: see exit-with-parent.ts.
      const child = spawn(
        process.execPath,
        ['--enable-source-maps', '--import', new URL('./exit-with-parent.ts', import.meta.url).href, this.#spec.main],
        {
          env: { ...process.env, ...this.#spec.env },
          stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        },
      );
      this.#child = child;
      child.stdout?.pipe(this.#log, { end: false });
      child.stderr?.pipe(this.#log, { end: false });
      if (!first) this.#onRestart(this.#spec.name);
      await once(child, 'exit');
      wait = Date.now() - startedAt > YOUNG_MS ? BACK_OFF_MS[0] : Math.min(wait * 2, BACK_OFF_MS[1]);
      await sleep(wait, undefined, { signal: this.#stopping.signal }).catch(() => undefined); // a stop does not wait for the next start
    }
  }
}
