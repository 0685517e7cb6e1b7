import type { Logger } from '@likeness/platform/telemetry';

/**
 * Work that is done again and again: at once after a ring, and now and then without one. Rings while it works make one more round.
 * Work that gives a number is done again after that many milliseconds, if that is sooner; 0 = there is more to do.
 */
export class Loop {
  readonly #name: string;
  readonly #log: Logger;
  readonly #everyMs: number;
  readonly #work: () => Promise<number | void>;
  #rung = false;
  #stopped = false;
  #wake: () => void = () => undefined;
  #failing = false;
  readonly #running: Promise<void>;

  constructor(name: string, log: Logger, everyMs: number, work: () => Promise<number | void>) {
    this.#name = name;
    this.#log = log;
    this.#everyMs = everyMs;
    this.#work = work;
    this.#running = this.#run();
  }

  readonly ring = (): void => {
    this.#rung = true;
    this.#wake();
  };

  /** Resolves when the round under way is over. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#rung = false;
      let wait = this.#everyMs;
      try {
        wait = Math.min((await this.#work()) ?? wait, wait);
        if (this.#failing) this.#log.info(`${this.#name} works again`);
        this.#failing = false;
      } catch (error) {
        // Said once per outage; the next round tries again.
        if (!this.#failing) this.#log.warn({ err: error }, `${this.#name} does not work`);
        this.#failing = true;
      }
      await this.#pause(wait);
    }
  }

  async #pause(wait: number): Promise<void> {
    if (this.#stopped || wait === 0 || (this.#rung && !this.#failing)) return;
    await new Promise<void>((done) => {
      const timer = setTimeout(done, wait);
      this.#wake = () => {
        if (this.#failing && !this.#stopped) return; // an outage is not ended by asking faster
        clearTimeout(timer);
        done();
      };
    });
    this.#wake = () => undefined;
  }
}
