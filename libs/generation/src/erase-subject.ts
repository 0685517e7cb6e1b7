/**
 * Erasing a subject. The first statement destroys its data keys: from then on every object of it, also one that is written later or lies
 * in a copy of the store, is noise. What follows removes the noise and empties the rows, in rounds that may break off anywhere.
 */
import { newId, type GenerationId, type TenantId } from '@likeness/contracts';
import { exec, many, one, sql, type Db } from '@likeness/platform/db';
import { z } from 'zod';
import { announced } from './announce.ts';
import { LEASE_SECONDS } from './statement-parts.ts';
import { subjectPrefix } from './object-keys.ts';
import { emptied, removeObjects, REMOVAL_CHANNEL, requestRemoval, stop, type Asked, type Removing } from './remove-data.ts';

/** From now on the subject is gone for its tenant. Returns its generations under way, for a signal to their workers. Once; again is nothing. */
export async function beginErasure(db: Db, tenantId: TenantId, subjectId: string): Promise<Asked[]> {
  await exec(
    db,
    sql`
    WITH erased AS (
      UPDATE subject SET erased_at = now(), external_id = NULL, consent = NULL, retention = NULL
       WHERE id = ${subjectId} AND tenant_id = ${tenantId} AND erased_at IS NULL RETURNING id, uploads
    ), unreadable AS (
      DELETE FROM data_key k USING erased WHERE k.id = erased.id OR k.id = ANY (erased.uploads) RETURNING k.id
    ), begun AS (
      INSERT INTO erasure (id, tenant_id, subject_id, rows) SELECT ${newId('erasure')}, ${tenantId}, id, 1 + (SELECT count(*) FROM unreadable) FROM erased
    )
    SELECT pg_notify(${REMOVAL_CHANNEL}, id) FROM erased`,
  );
  return requestRemoval(db, sql`subject_id = ${subjectId} AND tenant_id = ${tenantId}`);
}

/** Begins the erasure of subjects past their retention. Returns how many. */
export async function eraseExpired(db: Db, limit: number): Promise<number> {
  const expired = await many(
    db,
    z.object({ id: z.string(), tenant_id: z.custom<TenantId>() }),
    sql`SELECT id, tenant_id FROM subject WHERE expires_at <= now() AND erased_at IS NULL ORDER BY expires_at LIMIT ${limit}`,
  );
  for (const { id, tenant_id } of expired) await beginErasure(db, tenant_id, id);
  return expired.length;
}

const Open = z.object({ id: z.string(), tenant_id: z.custom<TenantId>(), subject_id: z.string(), uploads: z.array(z.string()) });
type Open = z.infer<typeof Open>;

/** One round of every erasure that is under way. Returns how many are still to be completed. */
export async function continueErasures(db: Db, store: Removing, limit: number): Promise<number> {
  const open = await many(
    db,
    Open,
    sql`SELECT e.id, e.tenant_id, subject_id, s.uploads FROM erasure e JOIN subject s ON s.id = subject_id
         WHERE completed_at IS NULL ORDER BY started_at LIMIT ${limit}`,
  );
  let left = 0;
  for (const erasure of open) if (!(await eraseOnce(db, store, erasure))) left++;
  return left;
}

async function eraseOnce(db: Db, store: Removing, erasure: Open): Promise<boolean> {
  const { id, tenant_id, subject_id, uploads } = erasure;
  await requestRemoval(db, sql`subject_id = ${subject_id}`);
  const generations = await many(
    db,
    z.object({ id: z.custom<GenerationId>(), tenant_id: z.custom<TenantId>(), active: z.boolean() }),
    sql`SELECT id, tenant_id, completed_at IS NULL AS active FROM generation WHERE subject_id = ${subject_id} AND NOT data_removed`,
  );
  for (const generation of generations.filter(({ active }) => active)) await stop(db, generation);
  const uploadKeys = uploads.map((upload) => `t/${tenant_id}/uploads/${upload}`);
  await removeObjects(db, store, [subjectPrefix(tenant_id, subject_id), ...uploadKeys], id);
  for (const generation of generations) await exec(db, emptied(generation.id, id));
  await forget(db, erasure);
  return complete(db, id);
}

/** The rows of the subject that are no generation's. Keys of requests that made a removed generation count as well. */
const forget = (db: Db, { id, subject_id, uploads }: Open): Promise<number> =>
  exec(
    db,
    sql`
    WITH entries AS (
      DELETE FROM cache_entry WHERE subject_id = ${subject_id} RETURNING subject_id
    ), pictures AS (
      DELETE FROM upload WHERE id = ANY (${uploads}::text[]) RETURNING id
    ), keys AS (
      DELETE FROM idempotency_key
       WHERE resource_id = ${subject_id} OR resource_id = ANY (${uploads}::text[])
          OR resource_id IN (SELECT g.id FROM generation g WHERE g.subject_id = ${subject_id}) RETURNING resource_id
    ), bare AS (
      UPDATE subject SET reference_images = '[]', uploads = '{}' WHERE id = ${subject_id}
    )
    UPDATE erasure SET cache_entries = cache_entries + (SELECT count(*) FROM entries),
           rows = rows + (SELECT count(*) FROM (TABLE entries UNION ALL TABLE pictures UNION ALL TABLE keys) AS removed)
     WHERE id = ${id}`,
  );

const Done = z.object({ id: z.string() });

/**
 * True when nothing is left and nobody can write any more: each stage has been over for longer than a lease, and the prefixes were looked
 * through once more since.
 */
const complete = (db: Db, erasureId: string): Promise<boolean> =>
  one(
    db,
    Done,
    sql`
    WITH done AS (
      UPDATE erasure e SET completed_at = now() WHERE e.id = ${erasureId} AND completed_at IS NULL
         AND NOT EXISTS (SELECT FROM generation g WHERE g.subject_id = e.subject_id AND NOT g.data_removed)
         AND NOT EXISTS (SELECT FROM generation g JOIN stage s ON s.generation_id = g.id
                          WHERE g.subject_id = e.subject_id AND s.attempt > 0 AND s.completed_at > now() - ${LEASE_SECONDS + 2}::int * interval '1 second')
      RETURNING e.id, e.tenant_id, e.subject_id
    ), ${announced(
      'subject.erased',
      sql`SELECT tenant_id, NULL AS generation_id, 1 AS sequence, NULL AS url, 'standard' AS format,
                 jsonb_build_object('id', subject_id, 'erasure_id', id, 'status', 'completed', 'sequence', 1) AS data FROM done`,
    )}
    SELECT id FROM done`,
  ).then((done) => done !== null);
