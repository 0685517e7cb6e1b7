import { Redis } from 'ioredis';
import type { QueueConfig } from './options.ts';

/**
 * For readiness: Redis answers, and keeps what it is given. Under any other policy than `noeviction` it drops jobs when its
 * memory is full. Without Redis the queue is in the database, which has its own check.
 * @throws Error with the reason
 */
export async function checkQueue({ REDIS_URL }: QueueConfig): Promise<void> {
  if (REDIS_URL === undefined) return;
  const redis = new Redis(REDIS_URL, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null, connectTimeout: 2_000 });
  redis.on('error', () => undefined); // it reaches us through connect
  try {
    await redis.connect();
    const policy = /^maxmemory_policy:(\S+)/m.exec(await redis.info('memory'))?.[1];
    if (policy !== 'noeviction') throw new Error(`Redis has the maxmemory-policy ${policy}; it must be noeviction`);
  } finally {
    redis.disconnect();
  }
}
