/**
 * The end of a worker that has stages at work, as three signals:
 *
 *   SIGTERM ─► begun ── the grace time ─► over ── a moment for those that save ─► stop
 *
 * From `begun` on nothing new is taken, and a stage that will need longer than what is left is paused at once; at `over` every stage
 * that can be is paused; at `stop` whoever is still at work is handed back as it is.
 */
const SAVE_MS = 2_500;

export class Drain {
  readonly #graceMs: number;
  readonly #begun = new AbortController();
  readonly #over = new AbortController();
  readonly #stop = new AbortController();
  #overAt = Infinity;

  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  get begun(): AbortSignal {
    return this.#begun.signal;
  }

  get over(): AbortSignal {
    return this.#over.signal;
  }

  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  /** Until `over`. */
  get leftMs(): number {
    return this.#overAt - performance.now();
  }

  /** From `begun` to `stop`, at the most. */
  get limitMs(): number {
    return this.#graceMs + SAVE_MS;
  }

  /** Begins, and gives the signals in their time until nobody is at work any more. */
  async run(idle: () => Promise<unknown>): Promise<void> {
    this.#overAt = performance.now() + this.#graceMs;
    this.#begun.abort();
    const timers = [setTimeout(() => this.#over.abort(), this.#graceMs), setTimeout(() => this.#stop.abort(), this.limitMs)];
    await idle();
    timers.forEach(clearTimeout);
  }
}
