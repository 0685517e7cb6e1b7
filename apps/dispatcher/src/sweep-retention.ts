/**
 * Finds what has served its time, and removes what nobody ever pointed at. The data of generations and subjects is asked to be removed
 * (`remove-data.ts`); of everything else, objects go before the rows that point at them, so that nothing is left without an owner.
 */
import { eraseExpired, requestRemoval } from '@likeness/generation';
import { exec, many, sql, tryAdvisoryLock, type Db } from '@likeness/platform/db';
import type { ObjectStore } from '@likeness/platform/storage';
import { z } from 'zod';
import type { Parts } from './parts.ts';
import { DELIVERY_BATCH, sweepDeliveries } from './sweep-deliveries.ts';

const BATCH = 100;
const KEY_BATCH = 1_000;
const PAUSE_MS = 60_000;

/** Sweeps one batch of each kind. Returns after how many milliseconds there may be more to sweep. */
export async function sweepRetention({ db, store, log }: Pick<Parts, 'db' | 'store' | 'log'>): Promise<number> {
  const more = await tryAdvisoryLock(db, 'likeness.sweep', async () => {
    const swept = {
      generations: await sweepGenerations(db),
      subjects: await eraseExpired(db, BATCH),
      uploads: await sweepUploads(db, store),
      idempotency_keys: await sweepKeys(db),
      deliveries: await sweepDeliveries(db),
      workers: await exec(db, sql`DELETE FROM worker WHERE seen_at < now() - interval '1 hour'`),
    };
    if (Object.values(swept).some((count) => count > 0)) log.info(swept, 'swept');
    return (
      swept.generations === BATCH ||
      swept.subjects === BATCH ||
      swept.uploads === BATCH ||
      swept.idempotency_keys === KEY_BATCH ||
      swept.deliveries === DELIVERY_BATCH
    );
  });
  return more === true ? 0 : PAUSE_MS;
}

const sweepKeys = (db: Db): Promise<number> =>
  exec(
    db,
    sql`DELETE FROM idempotency_key WHERE (tenant_id, key) IN (
          SELECT tenant_id, key FROM idempotency_key WHERE created_at < now() - interval '24 hours' ORDER BY created_at LIMIT ${KEY_BATCH})`,
  );

/** Generations past their retention lose their data as if somebody had asked for it. */
const sweepGenerations = async (db: Db): Promise<number> => {
  const due = sql`SELECT id FROM generation WHERE expires_at <= now() AND removal_requested_at IS NULL AND NOT data_removed ORDER BY expires_at LIMIT ${BATCH}`;
  return (await requestRemoval(db, sql`id IN (${due})`)).length;
};

const Upload = z.object({ id: z.string(), object_key: z.string() });

/**
 * Uploads past their time that no generation needs any more: neither one under way, nor an artifact that points at the object.
 * A minute later, so that a generation that was just being created with it is seen.
 */
async function sweepUploads(db: Db, store: ObjectStore): Promise<number> {
  const uploads = await many(
    db,
    Upload,
    sql`
    SELECT u.id, u.object_key FROM upload u
     WHERE u.expires_at <= now() - interval '1 minute'
       AND NOT EXISTS (SELECT FROM artifact a WHERE a.tenant_id = u.tenant_id AND a.object_key = u.object_key)
       AND NOT EXISTS (SELECT FROM generation g WHERE g.tenant_id = u.tenant_id AND g.status IN ('queued', 'processing') AND g.input->'reference_images' ? u.id)
     ORDER BY u.expires_at LIMIT ${BATCH}`,
  );
  for (const { id, object_key } of uploads) {
    await store.remove([object_key]);
    await exec(db, sql`WITH unreadable AS (DELETE FROM data_key WHERE id = ${id}) DELETE FROM upload WHERE id = ${id}`);
  }
  return uploads.length;
}

const ORPHAN_AGE_MS = 24 * 3_600_000;
const ORPHAN_BATCH = 500;
const pointingAt = sql`jsonb_build_array(jsonb_build_object('object_key', listed.key))`;

/** Objects of attempts that were never completed (a killed worker's, say). A day old, so that none of a stage at work is among them. */
export async function sweepOrphans({ db, store, log }: Pick<Parts, 'db' | 'store' | 'log'>, now: number = Date.now()): Promise<void> {
  await tryAdvisoryLock(db, 'likeness.sweep-orphans', async () => {
    let batch: string[] = [];
    let removed = 0;
    const flush = async () => {
      const orphans = await many(
        db,
        z.object({ key: z.string() }),
        sql`SELECT key FROM unnest(${batch}::text[]) AS listed (key)
             WHERE NOT EXISTS (SELECT FROM artifact WHERE object_key = key) AND NOT EXISTS (SELECT FROM upload WHERE object_key = key)
               AND NOT EXISTS (SELECT FROM subject s WHERE s.id = split_part(listed.key, '/', 4) AND s.reference_images @> ${pointingAt})
               AND NOT EXISTS (SELECT FROM cache_entry c WHERE c.subject_id = split_part(listed.key, '/', 4) AND c.artifacts @> ${pointingAt})`,
      );
      await store.remove(orphans.map(({ key }) => key));
      removed += orphans.length;
      batch = [];
    };
    for await (const { key, modifiedAt } of store.list('t/')) {
      if (now - modifiedAt.getTime() < ORPHAN_AGE_MS) continue;
      batch.push(key);
      if (batch.length === ORPHAN_BATCH) await flush();
    }
    await flush();
    if (removed > 0) log.info({ removed }, 'swept objects that nobody points at');
  });
}
