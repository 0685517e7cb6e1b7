/** The rows of subjects and of their erasures, one statement each. */
import { Consent, type ErasureId, type SubjectId, type TenantId } from '@likeness/contracts';
import { empty, json, many, one, sql, type Db } from '@likeness/platform/db';
import type { WrappedKey } from '@likeness/platform/storage';
import { z } from 'zod';
import { claimKey, keyIsOurs, type IdempotentRequest } from '../http/idempotency.ts';

export const KeptReference = z.object({ object_key: z.string(), content_type: z.string(), size: z.number(), sha256: z.string() });
export type KeptReference = z.infer<typeof KeptReference>;

export const SubjectRow = z.object({
  id: z.custom<SubjectId>(),
  external_id: z.string().nullable(),
  consent: Consent.nullable(), // null once erased
  reference_images: z.array(KeptReference),
  retention: z.string().nullable(),
  created_at: z.date(),
  expires_at: z.date().nullable(),
  erased_at: z.date().nullable(),
});
export type SubjectRow = z.infer<typeof SubjectRow>;

export interface NewSubject {
  readonly id: SubjectId;
  readonly tenant_id: TenantId;
  readonly data_key: WrappedKey;
  readonly external_id: string | undefined;
  readonly consent: Consent;
  readonly retention: string | undefined;
  readonly reference_images: readonly KeptReference[];
  readonly uploads: readonly string[];
}

/** Null when another request has used the idempotency key meanwhile. */
export const insertSubject = (db: Db, subject: NewSubject, idempotent?: IdempotentRequest): Promise<SubjectRow | null> =>
  one(
    db,
    SubjectRow,
    sql`
    WITH claimed AS (${claimKey(subject.tenant_id, idempotent, { id: subject.id, status: 201 })}), made AS (
      INSERT INTO subject (id, tenant_id, external_id, consent, retention, expires_at, reference_images, uploads)
      SELECT ${subject.id}, ${subject.tenant_id}, ${subject.external_id ?? null}, ${json(subject.consent)}::jsonb, ${subject.retention ?? null}::text,
             now() + ${subject.retention ?? null}::interval, ${json(subject.reference_images)}::jsonb, ${[...subject.uploads]}::text[]
       WHERE ${keyIsOurs(idempotent)}
      RETURNING *
    ), keyed AS (
      INSERT INTO data_key (id, tenant_id, wrapped) SELECT id, tenant_id, ${subject.data_key} FROM made
    )
    SELECT * FROM made`,
  );

/** Also one that was erased. Null for another tenant's as for none at all. */
export const findSubject = (db: Db, tenantId: TenantId, id: string): Promise<SubjectRow | null> =>
  one(db, SubjectRow, sql`SELECT * FROM subject WHERE id = ${id} AND tenant_id = ${tenantId}`);

export interface SubjectFilter {
  readonly externalId: string | undefined;
  readonly before: SubjectId | undefined;
  readonly limit: number;
}

/** Newest first, without those that were erased. */
export const listSubjects = (db: Db, tenantId: TenantId, { externalId, before, limit }: SubjectFilter): Promise<SubjectRow[]> =>
  many(
    db,
    SubjectRow,
    sql`SELECT * FROM subject WHERE tenant_id = ${tenantId} AND erased_at IS NULL AND coalesce(expires_at > now(), true)
          ${externalId === undefined ? empty : sql`AND external_id = ${externalId}`} ${before === undefined ? empty : sql`AND id < ${before}`}
         ORDER BY id DESC LIMIT ${limit}`,
  );

export const ErasureRow = z.object({
  id: z.custom<ErasureId>(),
  subject_id: z.custom<SubjectId>(),
  started_at: z.date(),
  completed_at: z.date().nullable(),
  object_keys_sha256: z.array(z.string()),
  rows: z.number(),
  cache_entries: z.number(),
  generations: z.number(),
  data_key_destroyed: z.boolean(),
});
export type ErasureRow = z.infer<typeof ErasureRow>;

/** By its own id or by its subject's. */
export const findErasure = (db: Db, tenantId: TenantId, id: string): Promise<ErasureRow | null> =>
  one(
    db,
    ErasureRow,
    sql`SELECT e.*, NOT EXISTS (SELECT FROM data_key k WHERE k.id = e.subject_id) AS data_key_destroyed FROM erasure e
         WHERE tenant_id = ${tenantId} AND (e.id = ${id} OR subject_id = ${id})`,
  );

export interface UploadWithObject {
  readonly object_key: string;
  readonly data_key: WrappedKey;
}
const Usable = z.object({ object_key: z.string(), data_key: z.instanceof(Uint8Array) });

/** Where a ready upload's bytes lie; null for another tenant's, one that is not ready or has expired. */
export const findUsableUpload = (db: Db, tenantId: TenantId, id: string): Promise<UploadWithObject | null> =>
  one(
    db,
    Usable,
    sql`SELECT u.object_key, k.wrapped AS data_key FROM upload u JOIN data_key k USING (id)
         WHERE u.id = ${id} AND u.tenant_id = ${tenantId} AND status = 'ready' AND expires_at > now()`,
  );
