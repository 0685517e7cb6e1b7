import { Redis } from 'ioredis';
import { findOnPath, ServerMissing, startServer, type TestServer } from './server.ts';

export interface TestRedis extends TestServer {
  readonly port: number;
}

export interface TestRedisOptions {
  /** To come back where another one has stopped. Any free port when left out. */
  readonly port?: number;
  /** Settings on top of ours: nothing is saved, nothing is evicted. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** An empty Redis or Valkey: LIKENESS_REDIS_SERVER, else what PATH has. @throws ServerMissing */
export async function startRedis({ port, settings = {} }: TestRedisOptions = {}): Promise<TestRedis> {
  const program = process.env['LIKENESS_REDIS_SERVER'] ?? findOnPath('redis-server', 'valkey-server');
  if (program === undefined) throw new ServerMissing('no redis-server: install it, or set LIKENESS_REDIS_SERVER to its path');
  const all = { bind: '127.0.0.1', save: '', appendonly: 'no', 'maxmemory-policy': 'noeviction', ...settings };
  const flags = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
  const server = await startServer({
    name: 'redis',
    port,
    command: (chosen, folder) => [program, '--port', String(chosen), '--dir', folder, ...flags],
    answers,
  });
  return { ...server, url: `redis://127.0.0.1:${server.port}` };
}

async function answers(port: number): Promise<boolean> {
  const client = new Redis({ host: '127.0.0.1', port, lazyConnect: true, retryStrategy: () => null });
  client.on('error', () => undefined); // the rejections below say it as well
  try {
    await client.connect();
    return (await client.ping()) === 'PONG';
  } finally {
    client.disconnect();
  }
}
