import type { CommonConfig } from '../config/index.ts';
import { openPostgresSignals } from './postgres-signals.ts';
import { openRedisSignals } from './redis-signals.ts';

/**
 * Hints between processes: to whoever listens now, at most once. A lost one may only cost time, so nothing here waits for an
 * answer or fails: what must not be lost is in Postgres.
 */
export interface Signals {
  /** Resolves when this process hears signals for the first time. */
  readonly ready: Promise<void>;
  publish(channel: SignalChannel, payload: string): void;
  /** Returns how to end it. */
  subscribe(channel: SignalChannel, handler: (payload: string) => void): () => void;
  close(): Promise<void>;
}

/** `cancel`: a generation's id. `progress`: JSON of at most some kB. */
export const SIGNAL_CHANNELS = ['cancel', 'progress'] as const;
export type SignalChannel = (typeof SIGNAL_CHANNELS)[number];

export interface SignalOptions {
  /** Told of every failure; there are many while a server is away. */
  readonly onError?: (error: Error) => void;
}

/** Over Redis where there is one, else over Postgres. Connects by itself, again and again. */
export function openSignals(config: Pick<CommonConfig, 'DATABASE_URL' | 'REDIS_URL'>, options: SignalOptions = {}): Signals {
  return config.REDIS_URL === undefined ? openPostgresSignals(config.DATABASE_URL, options) : openRedisSignals(config.REDIS_URL, options);
}
