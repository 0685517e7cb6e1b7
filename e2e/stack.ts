/**
 * A whole system per test file; with E2E_URL the one that is there, for the files that need nothing of its insides (vitest.config.ts). Then
 * E2E_API_KEY and E2E_WEBHOOK_SECRET are its default tenant's, and E2E_RECEIVER is the host:port under which it may call this machine back.
 */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll } from 'vitest';
import { Client } from '../tools/stack/client.ts';
import { startReceiver } from '../tools/stack/demo.ts';
import { startScratchStack, type ScratchStack } from '../tools/stack/scratch-stack.ts';
import type { StackOptions } from '../tools/stack/stack.ts';

/** Starts the stack before the file's tests and stops it after them, whatever happened in between. */
export function useStack(options: Partial<StackOptions> = {}, prepare?: () => Promise<Partial<StackOptions>>): () => ScratchStack {
  let scratch: ScratchStack | undefined;
  beforeAll(async () => {
    const url = process.env['E2E_URL'];
    scratch = url === undefined ? await startScratchStack({ ...options, ...(await prepare?.()) }) : await reachStack(url);
  });
  afterAll(() => scratch?.close());
  return () => {
    if (!scratch) throw new Error('the stack is there inside tests only');
    return scratch;
  };
}

async function reachStack(url: string): Promise<ScratchStack> {
  const { E2E_API_KEY, E2E_WEBHOOK_SECRET, E2E_RECEIVER } = process.env;
  if (!E2E_API_KEY || !E2E_WEBHOOK_SECRET) throw new Error('E2E_URL needs E2E_API_KEY and E2E_WEBHOOK_SECRET');
  const receiver = await startReceiver(E2E_RECEIVER);
  const notOurs = (): never => {
    throw new Error('the system of E2E_URL is seen from outside only');
  };
  return {
    stack: {
      url,
      connection: () => ({ url, api_key: E2E_API_KEY, admin_key: '', webhook_secret: E2E_WEBHOOK_SECRET, pids: {} }),
      get directory() {
        return notOurs();
      },
      get databaseUrl() {
        return notOurs();
      },
      stop: async () => notOurs(),
    },
    client: new Client(url, E2E_API_KEY),
    receiver,
    photo: await readFile(new URL('../samples/portrait.jpg', import.meta.url)),
    close: () => receiver.close(),
  };
}
