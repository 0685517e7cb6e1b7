/** A worker's row: that it is there, how many slots it has, and whether it takes work. Slots are summed from these rows, never counted. */
import { hostname } from 'node:os';
import type { WorkerClass, WorkerId } from '@likeness/contracts';
import { exec, sql, type Db } from '@likeness/platform/db';
import type { Logger } from '@likeness/platform/telemetry';

type State = 'starting' | 'idle' | 'busy' | 'draining';

const SEEN_MS = 2_000;

export class Presence {
  readonly #db: Db;
  readonly #log: Logger;
  readonly #id: WorkerId;
  readonly #class: WorkerClass;
  readonly #slots: number;
  #state: State = 'starting';
  #timer: NodeJS.Timeout | undefined;
  /** One statement after another: on two connections the older state might be written last, or a row after the worker has left. */
  #writing: Promise<void> = Promise.resolve();

  constructor(db: Db, log: Logger, worker: { id: WorkerId; class: WorkerClass; slots: number }) {
    this.#db = db;
    this.#log = log;
    this.#id = worker.id;
    this.#class = worker.class;
    this.#slots = worker.slots;
  }

  /**
   * Shows the state now and every 2 s from now on; between idle and busy only every 2 s, for it changes with every stage and decides
   * nothing. `draining` stays: what ends after it makes no free slot.
   */
  show(state: State): Promise<void> {
    const turn = inService(this.#state) && inService(state);
    if (this.#state !== 'draining') this.#state = state;
    this.#timer ??= setInterval(() => void this.#written(), SEEN_MS).unref();
    return turn ? this.#writing : this.#written();
  }

  async leave(): Promise<void> {
    clearInterval(this.#timer);
    await this.#writing;
    await exec(this.#db, sql`DELETE FROM worker WHERE id = ${this.#id}`);
  }

  #written(): Promise<void> {
    return (this.#writing = this.#writing.then(() => this.#write()));
  }

  async #write(): Promise<void> {
    try {
      await exec(
        this.#db,
        sql`
        INSERT INTO worker (id, class, slots, host, pid, state) VALUES (${this.#id}, ${this.#class}, ${this.#slots}, ${hostname()}, ${process.pid}, ${this.#state})
        ON CONFLICT (id) DO UPDATE SET state = excluded.state, seen_at = now()`,
      );
    } catch (error) {
      this.#log.warn({ err: error }, 'the database does not know that this worker is alive');
    }
  }
}

const inService = (state: State): boolean => state === 'idle' || state === 'busy';
