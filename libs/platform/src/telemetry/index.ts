export { createLogger, redact, type Logger } from './logger.ts';
export { createMetrics, eventLoopDelay } from './metrics.ts';
