/**
 * A consumer that takes a job, says so on stdout and never finishes: the suites kill it.
 * Usage: QUEUE_CONFIG='{"DATABASE_URL": …}' node stuck-consumer.ts QUEUE
 */
import { Worker } from 'bullmq';
import { queueOptions, WORKER_OPTIONS, type QueueConfig } from '../queue/index.ts';

const [name = ''] = process.argv.slice(2);
const config = JSON.parse(process.env['QUEUE_CONFIG'] ?? '') as QueueConfig;

const worker = new Worker(
  name,
  async (job) => {
    console.log(`took ${job.id}`);
    await new Promise(() => undefined);
  },
  { ...queueOptions(config), ...WORKER_OPTIONS },
);
worker.on('error', (error) => console.error(error));
