/** Signals over Redis' publish and subscribe. */
import { EventEmitter } from 'node:events';
import { Redis } from 'ioredis';
import { SIGNAL_CHANNELS, type SignalOptions, type Signals } from './signals.ts';

/** Keeps our channels apart from others' on the same server. */
const PREFIX = 'likeness:';

export function openRedisSignals(url: string, { onError = () => undefined }: SignalOptions): Signals {
  const heard = new EventEmitter().setMaxListeners(0);
  const retryStrategy = (attempt: number) => Math.min(50 * 2 ** attempt, 2_000);
  const publisher = new Redis(url, { retryStrategy, enableOfflineQueue: false, connectionName: 'likeness-signals' });
  const subscriber = new Redis(url, { retryStrategy, maxRetriesPerRequest: null, connectionName: 'likeness-signals' });
  for (const connection of [publisher, subscriber]) connection.on('error', onError);
  subscriber.on('message', (channel: string, payload: string) => heard.emit(channel, payload));
  // Waits for the first connection; after every later one ioredis subscribes again by itself.
  const ready = subscriber.subscribe(...SIGNAL_CHANNELS.map((channel) => PREFIX + channel)).then(() => undefined, onError);
  return {
    ready,
    publish: (channel, payload) => void publisher.publish(PREFIX + channel, payload).catch(onError),
    subscribe: (channel, handler) => {
      const own = (payload: string) => handler(payload); // two subscriptions of one function are two
      heard.on(PREFIX + channel, own);
      return () => heard.off(PREFIX + channel, own);
    },
    close: async () => {
      await Promise.all([publisher, subscriber].map((connection) => quit(connection)));
    },
  };
}

/** Lets what was published leave first, when there is a connection for it. */
async function quit(connection: Redis): Promise<void> {
  if (connection.status === 'ready') await connection.quit().catch(() => undefined); // it broke: then there is nothing to end
  connection.disconnect();
}
