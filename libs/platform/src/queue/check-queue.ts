import { Redis } from 'ioredis';
import type { QueueConfig } from './options.ts';

export interface QueueServer {
  readonly memoryBytes: number;
  /** 0 = none. */
  readonly memoryLimitBytes: number;
  /** Under any other policy than `noeviction` it drops jobs when its memory is full. */
  readonly policy: string;
}

/** How Redis is; undefined without it: the queue is in the database then. @throws when Redis does not answer */
export async function readQueueServer({ REDIS_URL }: QueueConfig): Promise<QueueServer | undefined> {
  if (REDIS_URL === undefined) return undefined;
  const redis = new Redis(REDIS_URL, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null, connectTimeout: 2_000 });
  redis.on('error', () => undefined); // it reaches us through connect
  try {
    await redis.connect();
    const info = await redis.info('memory');
    const field = (name: string) => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1] ?? '';
    return { memoryBytes: Number(field('used_memory')), memoryLimitBytes: Number(field('maxmemory')), policy: field('maxmemory_policy') };
  } finally {
    redis.disconnect();
  }
}

/** For readiness: Redis, where there is one, answers and keeps what it is given. @throws Error with the reason */
export async function checkQueue(config: QueueConfig): Promise<void> {
  const server = await readQueueServer(config);
  if (server && server.policy !== 'noeviction') throw new Error(`Redis has the maxmemory-policy ${server.policy}; it must be noeviction`);
}
