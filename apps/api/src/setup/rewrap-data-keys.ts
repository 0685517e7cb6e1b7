import { exec, many, sql, type Db } from '@likeness/platform/db';
import { rewrapKey } from '@likeness/platform/storage';
import { z } from 'zod';

const Row = z.object({ id: z.string(), wrapped: z.instanceof(Uint8Array) });
const BATCH = 500;

/**
 * Wraps every data key with another secret; the objects stay as they are. No other process may run meanwhile. What an interrupted change
 * had done is left as it is, so it can be begun again. Returns how many keys there are. @throws Error naming a key that neither secret opens
 */
export async function rewrapDataKeys(db: Db, before: string, after: string, onProgress: (done: number) => void): Promise<number> {
  let done = 0;
  for (let last = ''; ;) {
    const rows = await many(db, Row, sql`SELECT id, wrapped FROM data_key WHERE id > ${last} ORDER BY id LIMIT ${BATCH}`);
    if (rows.length === 0) return done;
    const wrapped = rows.map(({ id, wrapped }) => {
      try {
        return Buffer.from(rewrapKey(wrapped, before, after));
      } catch (cause) {
        throw new Error(`the data key of ${id} is wrapped by neither secret`, { cause });
      }
    });
    await exec(
      db,
      sql`UPDATE data_key SET wrapped = changed.wrapped FROM unnest(${rows.map(({ id }) => id)}::text[], ${wrapped}::bytea[]) AS changed (id, wrapped)
           WHERE data_key.id = changed.id`,
    );
    done += rows.length;
    last = rows.at(-1)!.id;
    onProgress(done);
  }
}
