export { JOB_OPTIONS, producerOptions, queueOptions, WORKER_OPTIONS, type QueueConfig } from './options.ts';
export { openQueue } from './open-queue.ts';
export { checkQueue, readQueueServer, type QueueServer } from './check-queue.ts';
