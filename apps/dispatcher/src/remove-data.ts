/** Finishes what clients and the sweep have asked to be removed. Rung by every request; one dispatcher at a time. */
import { continueErasures, removeRequested } from '@likeness/generation';
import { tryAdvisoryLock } from '@likeness/platform/db';
import type { Parts } from './parts.ts';

const BATCH = 100;
/** How soon an erasure is looked at again that waits for workers to let go. */
const AGAIN_MS = 1_000;

/** Returns after how many milliseconds there may be more to do; nothing: when it is rung. */
export async function removeData({ db, store, log }: Pick<Parts, 'db' | 'store' | 'log'>): Promise<number | undefined> {
  return tryAdvisoryLock(db, 'likeness.removal', async () => {
    const waiting = await continueErasures(db, store, BATCH);
    const generations = await removeRequested(db, store, BATCH);
    if (generations > 0) log.info({ generations }, 'removed');
    if (generations === BATCH) return 0;
    return waiting > 0 ? AGAIN_MS : undefined;
  });
}
