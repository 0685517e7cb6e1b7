/**
 * The statement that makes generations: the idempotency key, the rows, their first stages, the messages that will start them, and
 * the events that they exist. One or a thousand, each is judged for itself; what is refused leaves nothing behind.
 */
import { LikenessError, newId, type AcceptedInput, type GenerationId, type PackSummary } from '@likeness/contracts';
import { FIRST_STAGE, flow } from '@likeness/generation';
import { empty, json, many, sql, type Db, type Sql } from '@likeness/platform/db';
import { z } from 'zod';
import type { Principal } from '../http/api-keys.ts';
import { claimKey, keyIsOurs, type IdempotentRequest } from '../http/idempotency.ts';
import { Refusal, refusalError } from '../limits/admission.ts';

export interface NewGeneration {
  readonly id: GenerationId;
  readonly input: AcceptedInput;
  readonly pack: Pick<PackSummary, 'name' | 'version' | 'trained'>;
  readonly priority?: 'low' | 'normal' | 'high' | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly webhook?: string | null | undefined;
  readonly webhook_events?: readonly string[] | undefined;
  readonly webhook_format?: 'standard' | 'replicate' | undefined;
  /** ISO 8601 or Postgres' own form. */
  readonly retention?: string | undefined;
  readonly deadline_seconds?: number | null | undefined;
  readonly custom_id?: string | undefined;
  readonly retry_of?: GenerationId | undefined;
}

/** What else the statement makes, and for whom the key is. */
export interface Insertion {
  readonly idempotent: IdempotentRequest | undefined;
  /** What the key will lead to. */
  readonly resourceId: string;
  /** Whether the key is used even if nothing is admitted. */
  readonly regardless?: boolean;
  /** An upload may be used after its time as long as it is there: for what has used it before. */
  readonly expiredUploads?: boolean;
  readonly batchId?: string;
  /** Of the request, for the processes that go on with it. */
  readonly traceparent?: string | null;
  /** More `name AS (…)`, each after a comma; they see `wanted`, `judged`, `admitted` and `created`. */
  readonly also?: Sql;
}

export const Judgement = z.object({
  unusable: z.string().nullable(),
  subject: z.string().nullable(),
  subject_is: z.enum(['usable', 'erased', 'missing']).nullable(),
  refusal: Refusal.nullable(),
  admitted: z.boolean(),
  created: z.boolean(),
});
export type Judgement = z.infer<typeof Judgement>;

/** What has become of each, in the order given. None is created when another request has used the idempotency key meanwhile. */
export function insertGenerations(
  db: Db,
  { tenantId }: Principal,
  wanted: readonly NewGeneration[],
  insertion: Insertion,
): Promise<Judgement[]> {
  const {
    idempotent,
    resourceId,
    regardless = false,
    expiredUploads = false,
    batchId = null,
    traceparent = null,
    also = empty,
  } = insertion;
  const { job, queue } = flow[FIRST_STAGE];
  const rows = wanted.map((one, place) => ({ ...rowOf(one), place, stage_id: newId('stage') }));
  return many(
    db,
    Judgement,
    sql`
    WITH wanted AS MATERIALIZED (
      SELECT * FROM jsonb_to_recordset(${json(rows)}::jsonb) AS w (
        place int, id text, stage_id text, input jsonb, pack jsonb, priority text, metadata jsonb, webhook text, webhook_events text[],
        webhook_format text, retention interval, deadline_seconds float8, custom_id text, retry_of text)
    ), subjects AS MATERIALIZED (  -- locked, so that an erasure which begins now will see what is made here
      SELECT id, erased_at IS NULL AND coalesce(expires_at > now(), true) AS usable FROM subject
       WHERE id IN (SELECT input->>'subject' FROM wanted) AND tenant_id = ${tenantId} FOR SHARE
    ), judged AS MATERIALIZED (
      SELECT place, input->>'subject' AS subject, CASE WHEN input ? 'subject' THEN coalesce(
        (SELECT CASE WHEN s.usable THEN 'usable' ELSE 'erased' END FROM subjects s WHERE s.id = input->>'subject'), 'missing') END AS subject_is, (
        SELECT min(reference) FROM jsonb_array_elements_text(input->'reference_images') AS used (reference)
         WHERE reference NOT LIKE 'http%' AND NOT EXISTS (
           SELECT FROM upload u WHERE u.id = reference AND u.tenant_id = ${tenantId} AND u.status = 'ready' AND (${expiredUploads}::bool OR u.expires_at > now()))
      ) AS unusable FROM wanted
    ), usable AS (
      SELECT place, row_number() OVER (ORDER BY place) AS nth FROM judged WHERE unusable IS NULL AND coalesce(subject_is, 'usable') = 'usable'
    ), room AS MATERIALIZED (
      SELECT r.admitted AS room, r.refusal
        FROM admission(${tenantId}, ARRAY(SELECT (input->>'num_images')::int FROM usable JOIN wanted USING (place) ORDER BY nth)) AS r
    ), admitted AS MATERIALIZED (
      SELECT place FROM usable, room WHERE nth <= room
    ), claimed AS (
      ${claimKey(tenantId, idempotent, { id: resourceId, status: 202 }, sql`(${regardless}::bool OR EXISTS (SELECT FROM admitted))`)}
    ), created AS (
      INSERT INTO generation (id, tenant_id, status, stage, input, pack, priority, metadata, webhook_url, webhook_events, webhook_format,
                              retention, deadline_at, batch_id, custom_id, retry_of, traceparent, subject_id)
      SELECT id, ${tenantId}, 'queued', ${FIRST_STAGE}, input, pack, priority, metadata, webhook, webhook_events, webhook_format,
             coalesce(retention, (SELECT t.retention::interval FROM tenant t WHERE t.id = ${tenantId})), now() + deadline_seconds * interval '1 second', ${batchId}, custom_id, retry_of,
             ${traceparent}, input->>'subject'
        FROM wanted JOIN admitted USING (place) WHERE ${keyIsOurs(idempotent)}
      RETURNING id, sequence, priority
    ), staged AS (
      INSERT INTO stage (id, generation_id, tenant_id, name, queue, status)
      SELECT stage_id, id, ${tenantId}, ${FIRST_STAGE}, ${queue}, 'queued' FROM created JOIN wanted USING (id)
    ), relayed AS (
      INSERT INTO outbox (job, queue, ref_id, n, tenant_id, priority)
      SELECT ${job}, ${queue}, stage_id, 1, ${tenantId}, created.priority FROM created JOIN wanted USING (id) ORDER BY place
    ), recorded AS (
      INSERT INTO event (generation_id, tenant_id, sequence, type, data)
      SELECT id, ${tenantId}, sequence, 'status', ${json({ status: 'queued', stage: FIRST_STAGE, progress: null })}::jsonb FROM created
    ), told AS (
      SELECT count(pg_notify('outbox', ${queue})) FROM (SELECT FROM created LIMIT 1) AS any_created
    ) ${also}
    SELECT unusable, subject, subject_is, room.refusal, admitted.place IS NOT NULL AS admitted, created.id IS NOT NULL AS created
      FROM told, room, judged JOIN wanted USING (place) LEFT JOIN admitted USING (place) LEFT JOIN created USING (id)
     ORDER BY place`,
  );
}

const rowOf = ({ pack: { name, version, trained }, ...one }: NewGeneration) => ({
  ...one,
  pack: { name, version, trained },
  priority: one.priority ?? 'normal',
  metadata: one.metadata ?? {},
  webhook_events: one.webhook_events ?? ['completed'],
  webhook_format: one.webhook_format ?? 'standard',
});

/** Why one was not made; undefined for one that was, or that another request with the same key has made. */
export function refusalOf({ unusable, subject, subject_is, refusal, admitted }: Judgement): LikenessError | undefined {
  if (subject_is === 'missing') return new LikenessError('not_found', `There is no subject ${subject}.`);
  if (subject_is === 'erased') return new LikenessError('subject_erased', `The subject ${subject} was erased.`);
  if (unusable !== null) return new LikenessError('upload_invalid', `The upload ${unusable} is missing, not ready, or expired.`);
  return admitted || refusal === null ? undefined : refusalError(refusal);
}
