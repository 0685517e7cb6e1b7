export { startCollector, type Collector, type SentSpan } from './collector.ts';
export { hasS3, minioServer, redisServer, startRedis, startS3, type TestServer } from './servers.ts';
export { freePort } from '../config/free-port.ts';
