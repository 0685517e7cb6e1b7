export { startCollector, type Collector, type SentSpan } from './collector.ts';
export { freePort, hasS3, minioServer, redisServer, startRedis, startS3, type TestServer } from './servers.ts';
