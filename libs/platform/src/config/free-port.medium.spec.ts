import type * as Crypto from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, it, vi } from 'vitest';
import { freePort } from './free-port.ts';

const random = vi.hoisted(() => ({ next: [] as number[] }));
vi.mock('node:crypto', async (original) => {
  const crypto = await original<typeof Crypto>();
  return { ...crypto, randomInt: (from: number, to: number) => random.next.shift() ?? crypto.randomInt(from, to) };
});

it('is a port that can be listened on, and that no system gives to whoever asks for any', async () => {
  const port = await freePort();
  expect(port).toBeGreaterThanOrEqual(20_000);
  expect(port).toBeLessThan(32_768);
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  server.close();
});

it('is not one on which somebody listens', async () => {
  const taken = await freePort();
  const server = createServer().listen(taken, '127.0.0.1');
  await once(server, 'listening');
  random.next.push(taken);
  expect(await freePort()).not.toBe(taken);
  server.close();
});
