/** Real servers for medium tests. Not part of the build. */
export { startMinio } from './minio.ts';
export { startRedis, type TestRedis, type TestRedisOptions } from './redis.ts';
export { serverOrSkip, ServerMissing, type TestServer } from './server.ts';
