/** BullMQ on Redis or on Postgres: one API, the configuration picks the backend. */
import { setDefaultBackendFactory, type DefaultJobOptions, type QueueOptions, type WorkerOptions } from 'bullmq';
import type { CommonConfig } from '../config/index.ts';
import { createPatientBackend } from './patient-backend.ts';

export type QueueConfig = Pick<CommonConfig, 'DATABASE_URL' | 'REDIS_URL'>;

/** Retries belong to Postgres, which knows the stage and the error; what is done is kept for a while, to be looked at. */
export const JOB_OPTIONS = {
  attempts: 1,
  removeOnComplete: { age: 3_600, count: 1_000 },
  removeOnFail: { age: 86_400, count: 5_000 },
} as const satisfies DefaultJobOptions;

/** A killed worker's job is taken up again after its lock's end and at most one check: 15 s. Two such deaths of one job are borne. */
export const WORKER_OPTIONS = {
  lockDuration: 10_000,
  stalledInterval: 5_000,
  maxStalledCount: 2,
} as const satisfies Partial<WorkerOptions>;

/**
 * For `BullModule.forRoot`, `new Queue` and `new Worker`. Also sets BullMQ's backend for the whole process, so it is called
 * before the first of these is made.
 */
export function queueOptions({ DATABASE_URL, REDIS_URL }: QueueConfig): QueueOptions {
  setDefaultBackendFactory(REDIS_URL === undefined ? createPatientBackend : undefined);
  const connection =
    REDIS_URL === undefined ? postgresConnection(DATABASE_URL) : { url: REDIS_URL, retryStrategy, maxRetriesPerRequest: null };
  return { connection, prefix: 'likeness', defaultJobOptions: JOB_OPTIONS, streams: { events: { maxLen: 1_000 } } };
}

/**
 * For queues that are only added to: while Redis is away, adding (and `close`) fails at once or within 2 s instead of waiting
 * for it. Not for workers, whose blocking reads take longer than that.
 */
export function producerOptions(config: QueueConfig): QueueOptions {
  const options = queueOptions(config);
  if (config.REDIS_URL === undefined) return options;
  return {
    ...options,
    connection: { url: config.REDIS_URL, retryStrategy, maxRetriesPerRequest: 1, enableOfflineQueue: false, commandTimeout: 2_000 },
  };
}

/** BullMQ keeps its tables in a schema of its own and brings them up to date under a lock. Every queue and worker has such a pool. */
const postgresConnection = (url: string) => ({
  connectionString: url,
  migrate: true,
  max: 4,
  application_name: 'likeness-queue',
  connectionTimeoutMillis: 10_000,
  keepAlive: true,
});

/** A restarted server is met again within a second. */
const retryStrategy = (attempt: number): number => Math.min(50 * 2 ** attempt, 1_000);
