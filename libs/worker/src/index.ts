export { startWorker, type HandlerContext, type StageHandler } from './start-worker.ts';
export { WorkerConfig } from './worker.config.ts';
