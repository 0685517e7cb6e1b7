/** A whole system per test file: the same `startStack` that `npm start` uses, on a data directory of its own. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { Client } from '../tools/stack/client.ts';
import { startReceiver, type Receiver } from '../tools/stack/demo.ts';
import { startStack, type Stack, type StackOptions } from '../tools/stack/stack.ts';

export interface Fixture {
  readonly stack: Stack;
  readonly client: Client;
  readonly receiver: Receiver;
  readonly photo: Uint8Array;
}

/** Starts the stack before the file's tests and stops it after them, whatever happened in between. */
export function useStack(options: Partial<StackOptions> = {}, prepare?: () => Promise<Partial<StackOptions>>): () => Fixture {
  let fixture: Fixture | undefined;
  let data: string | undefined;
  beforeAll(async () => {
    data = await mkdtemp(join(tmpdir(), 'likeness-e2e-'));
    const receiver = await startReceiver();
    const stack = await startStack({
      port: 0,
      data,
      pack: 'sketch',
      workers: { parsing: 1, embedding: 1, diffusion: 1 },
      allowPrivateNetworks: undefined,
      rateLimit: 100_000,
      maxActive: 1000,
      quota: undefined,
      databaseUrl: undefined,
      redisUrl: undefined,
      s3Url: undefined,
      exemptAddresses: [receiver.address],
      ...options,
      ...(await prepare?.()),
    });
    const photo = await readFile(new URL('../samples/portrait.jpg', import.meta.url));
    fixture = { stack, client: new Client(stack.url, stack.connection().api_key), receiver, photo };
  });
  afterAll(async () => {
    await fixture?.stack.stop();
    await fixture?.receiver.close();
    if (data !== undefined) await rm(data, { recursive: true, force: true });
  });
  return () => {
    if (!fixture) throw new Error('the stack is there inside tests only');
    return fixture;
  };
}
