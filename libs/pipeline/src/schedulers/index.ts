export * from './from-config.ts';
export type { History, Schedule, Scheduler } from './scheduler.ts';
export { cumulativeAlphas, noiseFields } from './noise-schedule.ts';
