/** Waiting for generations to change: one LISTEN connection for all who wait, and a few looks at a time for all of them together. */
import type { GenerationId } from '@likeness/contracts';
import { listen } from '@likeness/platform/db';

/** Every change is notified, and a connection that broke makes everyone look; this is for one that died without a word. */
const LOOK_AGAIN_MS = 10_000;
/** Waiting may not keep the pool from those who are to be answered now. */
const LOOKS_AT_ONCE = 4;

/** A look into the database; who looks for the same at the same time shares one. */
export interface Look<T> {
  readonly name: string;
  readonly look: () => Promise<T>;
}

export interface Wait<T> extends Look<T> {
  readonly id: GenerationId;
  readonly milliseconds: number;
  readonly signal: AbortSignal;
  readonly wanted: (seen: T) => boolean;
}

export interface Changes {
  /**
   * Looks now, after every change of the generation, and now and then, until it sees what is wanted, or the time is over, or the
   * signal or the service stops the wait: then it answers undefined.
   */
  wait<T>(wait: Wait<T>): Promise<T | undefined>;
  /** Aborted when nobody may wait any longer. */
  readonly closing: AbortSignal;
  /** Ends every wait, then the connection. */
  close(): Promise<void>;
}

/** `keysChanged` is called on the same connection's news of API keys, and when some may have been lost. */
export function followChanges(databaseUrl: string, keysChanged: () => void): Changes {
  const wakers = new Map<string, Set<() => void>>();
  const looks = new SharedLooks(LOOKS_AT_ONCE);
  const closing = new AbortController();
  const wakeAll = () => wakers.forEach((waiting) => waiting.forEach((wake) => wake()));
  const missed = () => {
    wakeAll();
    keysChanged();
  };
  const heard = { generation: (id: string) => wakers.get(id)?.forEach((wake) => wake()), keys: keysChanged };
  const connection = listen(databaseUrl, heard, { onReconnected: missed });
  void connection.ready.then(wakeAll); // who came before it listened
  return {
    wait: async ({ id, milliseconds, signal, wanted, ...look }) => {
      const until = Date.now() + milliseconds;
      const bell = new Bell(AbortSignal.any([signal, closing.signal]));
      const others = wakers.get(id) ?? new Set();
      wakers.set(id, others.add(bell.ring));
      try {
        while (!bell.stopped) {
          const seen = await looks.share(look);
          if (wanted(seen)) return seen;
          const left = until - Date.now();
          if (left <= 0) break;
          await bell.wait(Math.min(left, LOOK_AGAIN_MS));
        }
        return undefined;
      } finally {
        others.delete(bell.ring);
        if (others.size === 0) wakers.delete(id);
      }
    },
    closing: closing.signal,
    close: async () => {
      closing.abort();
      await connection.close();
    },
  };
}

/**
 * Looks of one name come one after another: whoever asks while one is under way gets the next, together with all who ask meanwhile,
 * because the one under way may have begun before the change that is asked for. Of all names, so many are under way at once.
 */
export class SharedLooks {
  readonly #next = new Map<string, Promise<unknown>>();
  readonly #underWay = new Map<string, Promise<unknown>>();
  readonly #inLine: (() => void)[] = [];
  #free: number;

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  share<T>({ name, look }: Look<T>): Promise<T> {
    const next = this.#next.get(name) ?? this.#begin(name, look);
    return next as Promise<T>; // a name says what is looked for
  }

  #begin(name: string, look: () => Promise<unknown>): Promise<unknown> {
    const begun = this.#turn(name).then(() => {
      this.#next.delete(name);
      const looking = look().finally(() => {
        this.#underWay.delete(name);
        this.#leave();
      });
      this.#underWay.set(name, looking);
      return looking;
    });
    this.#next.set(name, begun);
    return begun;
  }

  async #turn(name: string): Promise<void> {
    await this.#underWay.get(name)?.catch(() => undefined); // it has failed for those who asked for it
    if (this.#free === 0) await new Promise<void>((done) => this.#inLine.push(done));
    else this.#free--;
  }

  /** Whoever is next in line takes the place over. */
  #leave(): void {
    const first = this.#inLine.shift();
    if (first) first();
    else this.#free++;
  }
}

/** Rings once per wait; a ring between two waits is not lost. */
class Bell {
  readonly #signal: AbortSignal;
  #rung = false;
  #wake: () => void = () => undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  get stopped(): boolean {
    return this.#signal.aborted;
  }

  readonly ring = (): void => {
    this.#rung = true;
    this.#wake();
  };

  async wait(milliseconds: number): Promise<void> {
    if (!this.#rung && !this.stopped) {
      await new Promise<void>((done) => {
        const timer = setTimeout(done, milliseconds);
        this.#wake = () => {
          clearTimeout(timer);
          done();
        };
        this.#signal.addEventListener('abort', this.#wake, { once: true });
      });
      this.#signal.removeEventListener('abort', this.#wake);
    }
    this.#rung = false;
  }
}
