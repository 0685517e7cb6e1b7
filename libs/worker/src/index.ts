export { startWorker, type HandlerContext, type StageHandler } from './start-worker.ts';
export { readWorkerConfig, WorkerConfig } from './worker.config.ts';
