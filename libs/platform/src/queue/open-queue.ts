import { Queue, type QueueOptions } from 'bullmq';
import { producerOptions, type QueueConfig } from './options.ts';

/**
 * A queue to add to. Its failures reach whoever calls it; `onError` hears of connections that break in between.
 * The first call waits until the server is there.
 */
export function openQueue(name: string, config: QueueConfig, options: { readonly onError?: (error: Error) => void } = {}): Queue {
  const queue = new Queue(name, producerOptions(config) satisfies QueueOptions);
  queue.on('error', options.onError ?? (() => undefined));
  return queue;
}
