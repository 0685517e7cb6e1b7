export { startHealthServer, type Check, type HealthOptions, type HealthServer } from './health-server.ts';
export { onShutdown, runSteps, type ShutdownStep } from './shutdown.ts';
