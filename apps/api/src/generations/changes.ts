/** Waiting for a generation to change: one LISTEN connection for all who wait. */
import { listen } from '@likeness/platform/db';

/** A notification that was lost (a reconnect) may cost this long, no more. */
const LOOK_AGAIN_MS = 2_000;

export interface Changes {
  /**
   * Calls `look` now, after every change of the generation, and now and then, until it returns something that is not undefined,
   * or the time is over, or the signal or the service stops the wait: then it answers undefined.
   */
  wait<T>(generationId: string, milliseconds: number, signal: AbortSignal, look: () => Promise<T | undefined>): Promise<T | undefined>;
  /** Ends every wait, then the connection. */
  close(): Promise<void>;
}

/** `keysChanged` is called on the same connection's news of API keys, and when some may have been lost. */
export function followChanges(databaseUrl: string, keysChanged: () => void): Changes {
  const wakers = new Map<string, Set<() => void>>();
  const closing = new AbortController();
  const connection = listen(
    databaseUrl,
    { generation: (id) => wakers.get(id)?.forEach((wake) => wake()), keys: keysChanged },
    { onReconnected: keysChanged },
  );
  return {
    wait: async (generationId, milliseconds, signal, look) => {
      const until = Date.now() + milliseconds;
      const bell = new Bell(AbortSignal.any([signal, closing.signal]));
      const others = wakers.get(generationId) ?? new Set();
      wakers.set(generationId, others.add(bell.ring));
      try {
        for (;;) {
          const seen = await look();
          const left = until - Date.now();
          if (seen !== undefined || left <= 0 || bell.stopped) return seen;
          await bell.wait(Math.min(left, LOOK_AGAIN_MS));
        }
      } finally {
        others.delete(bell.ring);
        if (others.size === 0) wakers.delete(generationId);
      }
    },
    close: async () => {
      closing.abort();
      await connection.close();
    },
  };
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
