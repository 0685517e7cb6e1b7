/**
 * Many generations at once. Every item is judged for itself, by the rules of a single request; what is wrong with one is written
 * down with it and rejects nothing else. Then one statement makes the batch, its items and all of its generations.
 */
import {
  BatchItemRequest,
  cancelAfterSeconds,
  LikenessError,
  newId,
  type BatchId,
  type CreateBatch,
  type GenerationId,
} from '@likeness/contracts';
import { json, sql, type Sql } from '@likeness/platform/db';
import { acceptInput, type AcceptParts } from '../generations/accept-input.ts';
import { insertGenerations, type NewGeneration } from '../generations/insert-generations.ts';
import { splitReferences } from '../generations/read-create-request.ts';
import type { Principal } from '../http/api-keys.ts';
import { parseContract } from '../http/contract.ts';
import { keyIsOurs, type IdempotentRequest } from '../http/idempotency.ts';
import type { Parts } from '../parts.ts';
import { createPresetFinder } from '../presets/presets.store.ts';
import type { Rejection } from './batches.store.ts';

/** Items that are looked at together: most of that is waiting for name servers and the object store. */
const AT_ONCE = 8;

/** @throws LikenessError `webhook_url_blocked`, `storage_unavailable`, `unavailable` */
export async function createBatch(
  parts: Parts,
  principal: Principal,
  { items, defaults = {}, webhook }: CreateBatch,
  idempotent: IdempotentRequest | undefined,
): Promise<BatchId> {
  if (webhook !== undefined) await parts.egress.check(webhook, 'webhook_url_blocked');
  const judge = createJudge({ ...parts, egress: checkOnce(parts.egress) }, principal, defaults);
  const judged = await mapSome(items, AT_ONCE, judge);
  const id = newId('batch');
  const accepted = judged.flatMap((item) => ('rejection' in item ? [] : [item]));
  await insertGenerations(parts.db, principal, accepted, {
    idempotent,
    resourceId: id,
    regardless: true,
    batchId: id,
    traceparent: parts.tracing.current(),
    also: batchRows(id, principal, webhook ?? null, judged, idempotent),
  });
  return id;
}

type Judged = NewGeneration | { readonly custom_id: string; readonly rejection: Rejection };
type Item = CreateBatch['items'][number];

function createJudge(parts: AcceptParts, principal: Principal, defaults: NonNullable<CreateBatch['defaults']>) {
  const places = new Map<string, number>();
  const presets = createPresetFinder(parts.db, principal.tenantId);
  const { priority, retention, cancel_after } = defaults;
  const deadline_seconds = cancel_after === undefined ? null : cancelAfterSeconds(cancel_after);
  const accept = async (item: Item, place: number): Promise<NewGeneration> => {
    const { custom_id } = item;
    const first = places.get(custom_id);
    if (first !== undefined)
      throw new LikenessError('duplicate_custom_id', `The custom_id ${JSON.stringify(custom_id)} is that of item ${first} already.`);
    places.set(custom_id, place);
    const { input, metadata } = parseContract(BatchItemRequest, withDefaults(item, defaults));
    const { references, others } = splitReferences(input);
    const accepted = await acceptInput(parts, principal, others, references, presets);
    return { ...accepted, id: newId('generation'), custom_id, metadata, priority, retention, deadline_seconds };
  };
  return (item: Item, place: number): Promise<Judged> =>
    accept(item, place).catch((error: unknown) => {
      if (!(error instanceof LikenessError) || error.status >= 500) throw error; // the fault is ours, and the whole batch may be sent again
      const { code, message: detail, fields } = error;
      const errors = fields.map((field) => ({ ...field, pointer: `/items/${place}${field.pointer}` }));
      return { custom_id: item.custom_id, rejection: { code, detail, ...(errors.length > 0 ? { errors } : {}) } };
    });
}

/** What the item says goes before what the batch says for all. */
function withDefaults(item: Item, { input, metadata }: NonNullable<CreateBatch['defaults']>): unknown {
  const merged = (all: object | undefined, own: unknown): unknown =>
    own === undefined ? all : typeof own === 'object' && own !== null && !Array.isArray(own) ? { ...all, ...own } : own;
  return { ...item, input: merged(withoutSource(input, item['input']), item['input']), metadata: merged(metadata, item['metadata']) };
}

/** An item that names its person, by pictures or as a subject, means neither those nor that of the batch. */
function withoutSource(input: object | undefined, own: unknown): object | undefined {
  const names = typeof own === 'object' && own !== null && ('subject' in own || 'reference_images' in own);
  if (!input || !names) return input;
  return Object.fromEntries(Object.entries(input).filter(([name]) => name !== 'subject' && name !== 'reference_images'));
}

/** The batch and its items; those that the statement itself does not admit are told why by its own words. */
function batchRows(
  id: BatchId,
  { tenantId }: Principal,
  webhook: string | null,
  judged: readonly Judged[],
  idempotent: IdempotentRequest | undefined,
): Sql {
  const items = judged.map((item, place) =>
    'rejection' in item
      ? { place, custom_id: item.custom_id, error: item.rejection }
      : { place, custom_id: item.custom_id, generation_id: item.id satisfies GenerationId },
  );
  return sql`, batched AS (
      INSERT INTO batch (id, tenant_id, webhook_url) SELECT ${id}, ${tenantId}, ${webhook}::text WHERE ${keyIsOurs(idempotent)}
      RETURNING id, pg_notify('batch', id)
    ), itemized AS (
      INSERT INTO batch_item (batch_id, place, custom_id, generation_id, error)
      SELECT batched.id, i.place, i.custom_id, created.id,
             coalesce(i.error, CASE WHEN created.id IS NULL THEN jsonb_build_object(
               'unusable', judged.unusable, 'subject', judged.subject, 'subject_is', judged.subject_is, 'refusal', room.refusal) END)
        FROM batched, room, jsonb_to_recordset(${json(items)}::jsonb) AS i (place int, custom_id text, generation_id text, error jsonb)
        LEFT JOIN created ON created.id = i.generation_id
        LEFT JOIN wanted ON wanted.id = i.generation_id LEFT JOIN judged ON judged.place = wanted.place
    )`;
}

/** A thousand pictures of one host are one question. */
function checkOnce(egress: Pick<Parts['egress'], 'check'>): Pick<Parts['egress'], 'check'> {
  const asked = new Map<string, Promise<void>>();
  return {
    check: (url, code) => {
      const origin = URL.canParse(url) ? new URL(url).origin : url;
      const before = asked.get(origin);
      if (before) return before.catch(() => egress.check(url, code)); // a refusal names its own URL
      const check = egress.check(url, code);
      asked.set(origin, check);
      return check;
    },
  };
}

/** The results in the order of the items, so many at a time; a failure begins no more. */
async function mapSome<T, R>(items: readonly T[], atOnce: number, work: (item: T, place: number) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const entries = items.entries();
  const some = async () => {
    for (const [place, item] of entries) results[place] = await work(item, place);
  };
  const all = Array.from({ length: atOnce }, some);
  await Promise.all(all).finally(() => [...entries]); // nothing more is begun after a failure
  return results;
}
