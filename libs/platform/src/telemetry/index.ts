export { createLogger, redact, type Logger } from './logger.ts';
export { eventLoopDelay, Metrics, onceASecond, type Reading } from './metrics.ts';
export { startTracing, type Tracing, type TraceSpan } from './tracing.ts';
