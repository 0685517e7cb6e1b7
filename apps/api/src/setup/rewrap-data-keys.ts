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
  const page = (from: string) => many(db, Row, sql`SELECT id, wrapped FROM data_key WHERE id > ${from} ORDER BY id LIMIT ${BATCH}`);
  let done = 0;
  for (let rows = await page(''); rows.length > 0; rows = await page(rows.at(-1)!.id)) {
    const wrapped = rows.map((row) => {
      try {
        return Buffer.from(rewrapKey(row.wrapped, before, after));
      } catch (cause) {
        throw new Error(`the data key of ${row.id} is wrapped by neither secret`, { cause });
      }
    });
    await exec(
      db,
      sql`UPDATE data_key SET wrapped = changed.wrapped FROM unnest(${rows.map(({ id }) => id)}::text[], ${wrapped}::bytea[]) AS changed (id, wrapped)
           WHERE data_key.id = changed.id`,
    );
    onProgress((done += rows.length));
  }
  return done;
}
