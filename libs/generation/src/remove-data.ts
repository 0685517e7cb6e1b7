/**
 * Removing a generation's data: asked for by a client, due by its retention, or part of an erasure. What is to be removed is a state of
 * the row, so a crash at any point is finished by the next round: first the objects, then, in one statement, everything in the rows
 * that tells of the picture, the request or the person. The row itself stays as a record without content.
 */
import { createHash } from 'node:crypto';
import type { GenerationId, TenantId } from '@likeness/contracts';
import { exec, many, sql, type Db, type Sql } from '@likeness/platform/db';
import type { ObjectStore } from '@likeness/platform/storage';
import { z } from 'zod';
import { requestCancel, settleCancel } from './generation.store.ts';
import { generationPrefix } from './object-keys.ts';

/** The channel that wakes whoever removes. */
export const REMOVAL_CHANNEL = 'removal';

const Asked = z.object({ id: z.custom<GenerationId>(), tenant_id: z.custom<TenantId>(), active: z.boolean() });
export type Asked = z.infer<typeof Asked>;

/** Generations that the condition allows will lose their data. Those under way are asked to end; a worker may be told faster by a signal. */
export async function requestRemoval(db: Db, condition: Sql): Promise<Asked[]> {
  const asked = await many(
    db,
    Asked,
    sql`
    WITH asked AS (
      UPDATE generation SET removal_requested_at = now() WHERE removal_requested_at IS NULL AND NOT data_removed AND ${condition} RETURNING *
    )
    SELECT id, tenant_id, completed_at IS NULL AS active, pg_notify(${REMOVAL_CHANNEL}, id) FROM asked`,
  );
  for (const { tenant_id, id } of asked.filter(({ active }) => active)) await requestCancel(db, tenant_id, id);
  return asked;
}

const Removable = z.object({
  id: z.custom<GenerationId>(),
  tenant_id: z.custom<TenantId>(),
  subject_id: z.string().nullable(),
  active: z.boolean(),
});

/**
 * Removes what was asked for and what has ended; asks again for the end of what has not. Subjects that are being erased take their
 * generations with them. Returns how many generations lost their data.
 */
export async function removeRequested(db: Db, store: Removing, limit: number): Promise<number> {
  const pending = await many(
    db,
    Removable,
    sql`SELECT id, tenant_id, subject_id, completed_at IS NULL AS active FROM generation g
         WHERE removal_requested_at IS NOT NULL AND NOT data_removed
           AND NOT EXISTS (SELECT FROM erasure e WHERE e.subject_id = g.subject_id AND e.completed_at IS NULL)
         ORDER BY removal_requested_at LIMIT ${limit}`,
  );
  for (const generation of pending.filter(({ active }) => active)) await stop(db, generation);
  const ended = pending.filter(({ active }) => !active);
  for (const generation of ended) await removeData(db, store, generation);
  return ended.length;
}

/** Asks for the end of a generation under way, and ends it when nobody is at work on it. */
export async function stop(db: Db, { id, tenant_id }: Pick<Asked, 'id' | 'tenant_id'>): Promise<void> {
  await requestCancel(db, tenant_id, id);
  await settleCancel(db, id, 'idle');
}

export type Removing = Pick<ObjectStore, 'list' | 'remove'>;
export type RemovableGeneration = Pick<z.infer<typeof Removable>, 'id' | 'tenant_id' | 'subject_id'>;

export async function removeData(db: Db, store: Removing, generation: RemovableGeneration): Promise<void> {
  await removeObjects(db, store, [generationPrefix(generation)]);
  await exec(db, emptied(generation.id));
}

const REMOVED_AT_ONCE = 500;

/** Removes every object below the prefixes, and writes them down in the receipt of an erasure before. */
export async function removeObjects(db: Db, store: Removing, prefixes: readonly string[], erasureId?: string): Promise<void> {
  let batch: string[] = [];
  const flush = async () => {
    if (erasureId !== undefined && batch.length > 0) await receipt(db, erasureId, batch);
    await store.remove(batch);
    batch = [];
  };
  for (const prefix of prefixes) {
    for await (const { key } of store.list(prefix)) {
      if (batch.push(key) === REMOVED_AT_ONCE) await flush();
    }
  }
  await flush();
}

/** A key that was written down before a crash is not counted twice. */
const receipt = (db: Db, erasureId: string, keys: readonly string[]): Promise<number> =>
  exec(
    db,
    sql`UPDATE erasure SET object_keys_sha256 = ARRAY(SELECT unnest(object_keys_sha256) UNION SELECT unnest(${keys.map(sha256)}::text[]))
         WHERE id = ${erasureId}`,
  );

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/**
 * Empties the rows of an ended generation, once. A webhook that is still owed is sent, without the request's own words; those that are
 * done with leave no URL. With an erasure none is owed any more, the idempotency key goes as well, and its receipt counts it all.
 */
export function emptied(id: GenerationId, erasureId: string | null = null): Sql {
  const erasing = erasureId !== null;
  return sql`
    WITH emptied AS (
      UPDATE generation SET data_removed = true, sequence = sequence + 1, input = '{"reference_images": []}', metadata = '{}', progress = NULL,
             webhook_url = NULL, custom_id = NULL, warnings = '{}', error = ${wordless(sql`error`)}
       WHERE id = ${id} AND completed_at IS NOT NULL AND NOT data_removed RETURNING id
    ), bare AS (
      DELETE FROM artifact a USING emptied WHERE a.generation_id = emptied.id RETURNING a.id
    ), unreadable AS (
      DELETE FROM data_key k USING emptied WHERE k.id = emptied.id RETURNING k.id
    ), stages AS (
      UPDATE stage s SET error = NULL FROM emptied WHERE s.generation_id = emptied.id AND s.error IS NOT NULL RETURNING s.id
    ), events AS (
      UPDATE event e SET data = jsonb_set(data, '{progress}', 'null') FROM emptied
       WHERE e.generation_id = emptied.id AND e.data->>'progress' IS NOT NULL RETURNING e.id::text
    ), own AS (
      DELETE FROM webhook_delivery d USING emptied
       WHERE d.generation_id = emptied.id AND d.endpoint_id IS NULL AND (d.status <> 'pending' OR ${erasing}::bool) RETURNING d.id
    ), owed AS (
      UPDATE webhook_delivery d SET body = jsonb_set(jsonb_set(body, '{data,metadata}', '{}'), '{data,error}', coalesce(${wordless(sql`body#>'{data,error}'`)}, 'null'))
        FROM emptied WHERE d.generation_id = emptied.id AND d.id NOT IN (SELECT own.id FROM own) RETURNING d.id
    ), answers AS (
      UPDATE webhook_attempt a SET response_excerpt = NULL FROM owed WHERE a.delivery_id = owed.id AND a.response_excerpt IS NOT NULL RETURNING a.id::text
    ), items AS (
      UPDATE batch_item i SET custom_id = i.generation_id FROM emptied WHERE i.generation_id = emptied.id RETURNING i.batch_id
    ), keys AS (
      DELETE FROM idempotency_key k USING emptied WHERE ${erasing}::bool AND k.resource_id = emptied.id RETURNING k.resource_id
    ), counted AS (
      UPDATE erasure SET generations = generations + 1, rows = rows + (
             SELECT count(*) FROM (TABLE emptied UNION ALL TABLE bare UNION ALL TABLE unreadable UNION ALL TABLE stages UNION ALL TABLE events
               UNION ALL TABLE own UNION ALL TABLE owed UNION ALL TABLE answers UNION ALL TABLE items UNION ALL TABLE keys) AS removed)
       WHERE id = ${erasureId} AND EXISTS (SELECT FROM emptied)
    )
    SELECT pg_notify('generation', id) FROM emptied`;
}

/** An error keeps its code; its detail may quote the request. */
const wordless = (error: Sql): Sql =>
  sql`CASE WHEN jsonb_typeof(${error}) = 'object' THEN ${error} || jsonb_build_object('detail', ${error}->>'title') END`;
