/** A worker's row: that it is there, how many slots it has, and whether it takes work. Slots are summed from these rows, never counted. */
import { hostname } from 'node:os';
import type { WorkerClass, WorkerId } from '@likeness/contracts';
import { exec, sql, type Db } from '@likeness/platform/db';
import type { Logger } from '@likeness/platform/telemetry';

const SEEN_MS = 2_000;

export class Presence {
  readonly #db: Db;
  readonly #log: Logger;
  readonly #id: WorkerId;
  readonly #class: WorkerClass;
  readonly #slots: number;
  #state: 'starting' | 'idle' | 'busy' | 'draining' = 'starting';
  #timer: NodeJS.Timeout | undefined;

  constructor(db: Db, log: Logger, worker: { id: WorkerId; class: WorkerClass; slots: number }) {
    this.#db = db;
    this.#log = log;
    this.#id = worker.id;
    this.#class = worker.class;
    this.#slots = worker.slots;
  }

  /** Shows the state now and every 2 s from now on. */
  async show(state: 'starting' | 'idle' | 'busy' | 'draining'): Promise<void> {
    this.#state = state;
    this.#timer ??= setInterval(() => void this.#write(), SEEN_MS).unref();
    await this.#write();
  }

  async leave(): Promise<void> {
    clearInterval(this.#timer);
    await exec(this.#db, sql`DELETE FROM worker WHERE id = ${this.#id}`);
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
