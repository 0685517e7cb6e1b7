/** Signals over Postgres' LISTEN and NOTIFY, for the profile without Redis. */
import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { SIGNAL_CHANNELS, type SignalOptions, type Signals } from './signals.ts';

/** Keeps our channels apart from those of the tables. */
const PREFIX = 'signal_';
const LONGEST_WAIT_MS = 2_000;

/** One connection speaks and listens. While there is none, signals are dropped. */
export function openPostgresSignals(url: string, { onError = () => undefined }: SignalOptions): Signals {
  const heard = new EventEmitter().setMaxListeners(0);
  const closing = new AbortController();
  const ready = Promise.withResolvers<void>();
  let client: pg.Client | undefined;
  let sending = Promise.resolve<unknown>(undefined);

  const run = async (): Promise<void> => {
    for (let wait = 50; !closing.signal.aborted; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
      const candidate = new pg.Client({
        connectionString: url,
        application_name: 'likeness-signals',
        connectionTimeoutMillis: 5_000,
        keepAlive: true,
        keepAliveInitialDelayMillis: 10_000,
      });
      const ended = new Promise<void>((done) => candidate.once('end', () => done()));
      candidate.on('error', onError);
      candidate.on('notification', ({ channel, payload }) => heard.emit(channel, payload));
      try {
        await candidate.connect();
        for (const channel of SIGNAL_CHANNELS) await candidate.query(`LISTEN ${PREFIX}${channel}`);
        client = candidate;
        ready.resolve();
        wait = 50;
        if (closing.signal.aborted) await candidate.end();
        await ended;
        client = undefined;
      } catch (error) {
        onError(error instanceof Error ? error : new Error(String(error)));
        await candidate.end().catch(onError);
      }
      if (!closing.signal.aborted) await sleep(wait, undefined, { signal: closing.signal }).catch(() => undefined); // cut short by close
    }
    ready.resolve();
  };
  const running = run();

  return {
    ready: ready.promise,
    publish: (channel, payload) => {
      sending = sending.then(() => client?.query('SELECT pg_notify($1, $2)', [PREFIX + channel, payload])).catch(onError);
    },
    subscribe: (channel, handler) => {
      const own = (payload: string) => handler(payload); // two subscriptions of one function are two
      heard.on(PREFIX + channel, own);
      return () => heard.off(PREFIX + channel, own);
    },
    close: async () => {
      await sending;
      closing.abort();
      await client?.end();
      await running;
    },
  };
}
