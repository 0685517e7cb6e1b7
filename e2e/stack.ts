/** A whole system per test file. */
import { afterAll, beforeAll } from 'vitest';
import { startScratchStack, type ScratchStack } from '../tools/stack/scratch-stack.ts';
import type { StackOptions } from '../tools/stack/stack.ts';

/** Starts the stack before the file's tests and stops it after them, whatever happened in between. */
export function useStack(options: Partial<StackOptions> = {}, prepare?: () => Promise<Partial<StackOptions>>): () => ScratchStack {
  let scratch: ScratchStack | undefined;
  beforeAll(async () => {
    scratch = await startScratchStack({ ...options, ...(await prepare?.()) });
  });
  afterAll(() => scratch?.close());
  return () => {
    if (!scratch) throw new Error('the stack is there inside tests only');
    return scratch;
  };
}
