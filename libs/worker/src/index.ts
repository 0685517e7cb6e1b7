export { startWorker } from './start-worker.ts';
export type { HandlerContext, StageHandler } from './lane.ts';
export { readWorkerConfig, WorkerConfig } from './worker.config.ts';
