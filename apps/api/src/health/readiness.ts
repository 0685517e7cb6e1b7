/** What keeps this process from serving requests, in sentences; empty when nothing does. */
import { sql, exec } from '@likeness/platform/db';
import type { Parts } from '../parts.ts';

/** A dependency that does not answer within this time is away. */
const PATIENCE_MS = 2_000;

export async function notReady({ db, store, log }: Pick<Parts, 'db' | 'store' | 'log'>): Promise<string[]> {
  const checks = { 'The database': exec(db, sql`SELECT 1`), 'The object store': store.check() };
  const results = Object.entries(checks).map(async ([name, check]) => {
    try {
      await Promise.race([check, afterPatience()]);
      return [];
    } catch (error) {
      log.warn({ err: error }, 'not ready');
      return [`${name} does not answer.`];
    }
  });
  return (await Promise.all(results)).flat();
}

const afterPatience = (): Promise<never> =>
  new Promise((_, fail) => setTimeout(() => fail(new Error(`no answer within ${PATIENCE_MS} ms`)), PATIENCE_MS).unref());
