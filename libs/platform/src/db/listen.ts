import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

export interface Listener {
  /** Resolves when the first connection listens. */
  readonly ready: Promise<void>;
  close(): Promise<void>;
}

export interface ListenOptions {
  /** After every connection but the first: the place to look for what was missed meanwhile. */
  readonly onReconnected?: () => void;
  readonly onConnectionLost?: (error: Error) => void;
}

const SHORTEST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 2_000;

/**
 * Calls a handler for every NOTIFY on its channel, over one connection that is made anew when it breaks. What is sent while
 * there is none is lost, so whoever listens polls slowly as well.
 */
export function listen(url: string, handlers: Readonly<Record<string, (payload: string) => void>>, options: ListenOptions = {}): Listener {
  const closing = new AbortController();
  const ready = Promise.withResolvers<void>();
  const run = async (): Promise<void> => {
    for (let connections = 0, wait = SHORTEST_WAIT_MS; !closing.signal.aborted;) {
      const connection = await connect(url, handlers, options.onConnectionLost);
      if (connection) {
        if (connections++ > 0) options.onReconnected?.();
        ready.resolve();
        wait = SHORTEST_WAIT_MS;
        await connection.ended(closing.signal);
      } else {
        await sleep(wait, undefined, { signal: closing.signal }).catch(() => undefined); // cut short by close
        wait = Math.min(wait * 2, LONGEST_WAIT_MS);
      }
    }
    ready.resolve();
  };
  const running = run();
  return {
    ready: ready.promise,
    close: () => {
      closing.abort();
      return running;
    },
  };
}

interface Connection {
  /** Resolves when the connection has broken, or was closed because of the signal. */
  ended(signal: AbortSignal): Promise<void>;
}

async function connect(
  url: string,
  handlers: Readonly<Record<string, (payload: string) => void>>,
  onConnectionLost: (error: Error) => void = () => undefined,
): Promise<Connection | undefined> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'likeness-listen',
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: 5_000,
  });
  const ended = new Promise<void>((done) => client.once('end', () => done()));
  client.on('error', onConnectionLost); // an `end` follows
  client.on('notification', ({ channel, payload }) => handlers[channel]?.(payload ?? ''));
  try {
    await client.connect();
    for (const channel of Object.keys(handlers)) await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
  } catch (error) {
    onConnectionLost(error instanceof Error ? error : new Error(String(error)));
    await client.end().catch(() => undefined); // it never was connected
    return undefined;
  }
  return {
    ended: async (signal) => {
      const stop = () => void client.end();
      if (signal.aborted) stop();
      signal.addEventListener('abort', stop, { once: true });
      await ended;
      signal.removeEventListener('abort', stop);
    },
  };
}
