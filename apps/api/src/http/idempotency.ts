/**
 * `Idempotency-Key`: the same key with the same body is the same job. The truth is a row that the creating statement writes;
 * here is what comes before it: reading the header, hashing the request, and refusing a twin while its first is being worked on.
 */
import { createHash } from 'node:crypto';
import { IdempotencyKey, LikenessError, type TenantId } from '@likeness/contracts';
import { one, sql, type Db, type Sql } from '@likeness/platform/db';
import { z } from 'zod';
import { parseContract } from './contract.ts';

/** A key and the SHA-256 of what it was sent with. */
export interface IdempotentRequest {
  readonly key: string;
  readonly hash: Uint8Array;
}

const Header = z.object({ 'Idempotency-Key': IdempotencyKey });

/** From the header and the parts of the request that make it what it is (route and body, or route, body and the pictures' hashes). */
export function idempotentRequest(header: string | string[] | undefined, ...parts: readonly unknown[]): IdempotentRequest | undefined {
  if (header === undefined) return undefined;
  const { 'Idempotency-Key': key } = parseContract(Header, { 'Idempotency-Key': header }, 'header');
  return { key, hash: createHash('sha256').update(canonicalJson(parts)).digest() };
}

/** JSON with sorted keys and no white space: equal for equal values. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, v]) => v !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, v]) => `${JSON.stringify(key)}:${canonicalJson(v)}`).join(',')}}`;
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const UsedKey = z.object({
  request_hash: z.instanceof(Uint8Array),
  /** The id of whatever the request has made. */
  resource_id: z.string(),
  status_code: z.number(),
});
export type UsedKey = z.infer<typeof UsedKey>;

export interface Outcome<T> {
  readonly made: T;
  /** The stored status when an earlier request made it. */
  readonly replayed: number | undefined;
}

export class Idempotency {
  /** Keys whose first request this process is working on; twins on other replicas meet the row, which decides alone. */
  readonly #inFlight = new Set<string>();

  constructor(private readonly db: Db) {}

  /**
   * Makes a resource once per key. `make` claims the key in the statement that makes it (`claimKey`) and returns null when the key was
   * taken meanwhile; `find` reads what an earlier request has made. A `make` that throws has not used the key.
   * @throws LikenessError `idempotency_in_progress`, `idempotency_key_reused`
   */
  async once<T>(
    tenantId: TenantId,
    request: IdempotentRequest | undefined,
    make: () => Promise<T | null>,
    find: (used: UsedKey) => Promise<T | null> | T | null,
  ): Promise<Outcome<T>> {
    if (!request) {
      const made = await make();
      if (made === null) throw new Error('without a key, nobody else can have made it');
      return { made, replayed: undefined };
    }
    const name = `${tenantId} ${request.key}`;
    if (this.#inFlight.has(name)) throw inProgress(request);
    this.#inFlight.add(name);
    try {
      const before = await this.#used(tenantId, request);
      const made = before ? null : await make();
      if (made !== null) return { made, replayed: undefined };
      const used = before ?? (await this.#used(tenantId, request));
      if (!used) throw inProgress(request);
      const found = await find(used);
      if (found === null) throw new LikenessError('data_expired', `What the Idempotency-Key ${JSON.stringify(request.key)} made is gone.`);
      return { made: found, replayed: used.status_code };
    } finally {
      this.#inFlight.delete(name);
    }
  }

  async #used(tenantId: TenantId, { key, hash }: IdempotentRequest): Promise<UsedKey | null> {
    const used = await one(
      this.db,
      UsedKey,
      sql`
        SELECT request_hash, resource_id, status_code FROM idempotency_key
         WHERE tenant_id = ${tenantId} AND key = ${key} AND created_at > now() - interval '24 hours'`,
    );
    if (used && !Buffer.from(hash).equals(used.request_hash)) {
      throw new LikenessError(
        'idempotency_key_reused',
        `The Idempotency-Key ${JSON.stringify(key)} belongs to a request with another body.`,
      );
    }
    return used;
  }
}

/** Takes the key, if there is one, for what the same statement makes; no row when it is taken. For `WITH claimed AS (…)`. */
export const claimKey = (
  tenantId: TenantId,
  request: IdempotentRequest | undefined,
  made: { readonly id: string; readonly status: number },
  when: Sql = sql`true`,
): Sql => sql`
  INSERT INTO idempotency_key (tenant_id, key, request_hash, resource_id, status_code)
  SELECT ${tenantId}, ${request?.key ?? null}, ${request?.hash ?? null}::bytea, ${made.id}, ${made.status}::int
   WHERE ${request !== undefined}::bool AND ${when}
  ON CONFLICT (tenant_id, key) DO UPDATE SET request_hash = excluded.request_hash, resource_id = excluded.resource_id,
    status_code = excluded.status_code, created_at = now()
   WHERE idempotency_key.created_at <= now() - interval '24 hours'
  RETURNING key`;

/** Whether the statement may go on: there is no key, or it has been taken. */
export const keyIsOurs = (request: IdempotentRequest | undefined): Sql =>
  sql`(${request === undefined}::bool OR EXISTS (SELECT FROM claimed))`;

const inProgress = ({ key }: IdempotentRequest) =>
  new LikenessError(
    'idempotency_in_progress',
    `The first request with the Idempotency-Key ${JSON.stringify(key)} has not been answered yet.`,
    { retryAfter: 1 },
  );
