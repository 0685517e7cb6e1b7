/** A whole system on a data directory of its own, for the end-to-end tests and the benchmarks: the `startStack` of `npm start`, without its limits. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from './client.ts';
import { startReceiver, type Receiver } from './demo.ts';
import { startStack, type Stack, type StackOptions } from './stack.ts';

export interface ScratchStack {
  readonly stack: Stack;
  readonly client: Client;
  /** A shop's webhook endpoint, which the stack may call. */
  readonly receiver: Receiver;
  /** The bundled sample portrait. */
  readonly photo: Uint8Array;
  /** Stops everything and removes the directory. */
  close(): Promise<void>;
}

export async function startScratchStack(options: Partial<StackOptions> = {}): Promise<ScratchStack> {
  const data = await mkdtemp(join(tmpdir(), 'likeness-scratch-'));
  const receiver = await startReceiver();
  const close = async (stack?: Stack) => {
    await stack?.stop();
    await receiver.close();
    await rm(data, { recursive: true, force: true });
  };
  try {
    const photo = await readFile(new URL('../../samples/portrait.jpg', import.meta.url));
    const stack = await startStack({
      port: 0,
      data,
      pack: 'sketch',
      workers: { parsing: 1, embedding: 1, diffusion: 1 },
      allowPrivateNetworks: undefined,
      rateLimit: 1_000_000,
      maxActive: 1_000_000,
      quota: undefined,
      databaseUrl: undefined,
      redisUrl: undefined,
      s3Url: undefined,
      exemptAddresses: [receiver.address],
      ...options,
    });
    return { stack, client: new Client(stack.url, stack.connection().api_key), receiver, photo, close: () => close(stack) };
  } catch (error) {
    await close();
    throw error;
  }
}
