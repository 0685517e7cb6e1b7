export * from './from-config.ts';
export type { History, Schedule, Scheduler } from './scheduler.ts';
