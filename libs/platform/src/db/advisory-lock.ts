import type { Db } from './db.ts';

/**
 * Runs `work` while this process alone holds the named lock; returns undefined at once when another one does. The lock lives
 * with a connection of its own: a process that dies gives it back, and when the connection breaks the signal says that another
 * process may have it now.
 */
export async function tryAdvisoryLock<T>(
  db: Pick<Db, 'pool'>,
  name: string,
  work: (lost: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const client = await db.pool.connect();
  const lost = new AbortController();
  const onError = (error: Error) => lost.abort(error); // without a listener it would end the process
  client.on('error', onError);
  try {
    const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS locked', [name]);
    if (!rows[0]?.locked) return undefined;
    try {
      return await work(lost.signal);
    } finally {
      if (!lost.signal.aborted) await client.query('SELECT pg_advisory_unlock(hashtextextended($1, 0))', [name]);
    }
  } finally {
    client.off('error', onError);
    client.release(lost.signal.aborted);
  }
}
