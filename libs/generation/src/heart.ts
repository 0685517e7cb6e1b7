import type { Logger } from '@likeness/platform/telemetry';
import { heartbeat } from './generation.store.ts';
import type { ClaimedStage, Progress } from './generation.ts';
import type { StageParts } from './run-stage.ts';

const HEARTBEAT_MS = 2_000;
/** A change of progress is shown this soon. */
const PROGRESS_MS = 500;

/** Renews the lease, shows progress, and hears of a cancel that the signal did not bring. */
export class Heart {
  readonly #parts: StageParts;
  readonly #stage: ClaimedStage;
  readonly #log: Logger;
  readonly #stop: (why: 'canceled' | 'lost') => void;
  #shown: Progress | null = null;
  #progress: Progress | null = null;
  #timer: NodeJS.Timeout | undefined;
  #lastBeat = Date.now();
  #beating: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(parts: StageParts, stage: ClaimedStage, log: Logger, stop: (why: 'canceled' | 'lost') => void) {
    this.#parts = parts;
    this.#stage = stage;
    this.#log = log;
    this.#stop = stop;
    this.#schedule(HEARTBEAT_MS);
  }

  show(change: Partial<Progress>): void {
    const first = this.#progress === null;
    this.#progress = { step: 0, total: 0, ...this.#progress, ...change };
    const { step, total } = this.#progress;
    if (first && step < total) this.#schedule(0); // after a first step that is the last one the end will be news enough
  }

  /** Resolves when no beat is under way any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#beating;
  }

  #schedule(delay: number): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#beating = this.#beat().finally(() => this.#schedule(PROGRESS_MS));
    }, delay);
  }

  async #beat(): Promise<void> {
    const progress = this.#progress === this.#shown ? null : this.#progress;
    if (progress === null && Date.now() - this.#lastBeat < HEARTBEAT_MS) return;
    try {
      const beat = await heartbeat(this.#parts.db, this.#stage, progress);
      this.#lastBeat = Date.now();
      this.#shown = this.#progress === progress ? progress : this.#shown;
      if (beat === null) this.#stop('lost');
      else if (beat.cancel_requested) this.#stop('canceled');
    } catch (error) {
      // The database may be back with the next beat; if not, the lease runs out and this attempt can write nothing more.
      this.#log.warn({ err: error }, 'a heartbeat did not reach the database');
    }
  }
}
