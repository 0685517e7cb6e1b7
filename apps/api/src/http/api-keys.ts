/** Bearer keys `lk_<id>_<secret>`. The database holds only hashes; what it says is remembered for a few seconds. */
import { LikenessError, SCOPES, type Scope, type TenantId } from '@likeness/contracts';
import { one, sql, type Db } from '@likeness/platform/db';
import { parseApiKey, sameSecret } from '@likeness/platform/keys';
import { z } from 'zod';

/** Who is asking. */
export interface Principal {
  readonly tenantId: TenantId;
  readonly scopes: ReadonlySet<Scope>;
  readonly rateLimitPerMinute: number;
}

const KeyRow = z.object({
  tenant_id: z.custom<TenantId>(),
  secret_hash: z.instanceof(Uint8Array),
  previous_hash: z.instanceof(Uint8Array).nullable(),
  previous_until: z.date().nullable(),
  scopes: z.array(z.enum(SCOPES)),
  expires_at: z.date().nullable(),
  rate_limit_per_minute: z.number(),
});
type KeyRow = z.infer<typeof KeyRow>;

/** Every change of a key is told (`forget`); should that be lost, it holds after at most this long. */
const REMEMBERED_MS = 4_000;
const MOST_REMEMBERED = 10_000;

export interface Authenticator {
  /** @throws LikenessError `unauthenticated` */
  authenticate(authorization: string | undefined): Promise<Principal>;
  /** Keys have changed: nothing that was read before counts any more. */
  forget(): void;
}

export function createAuthenticator(db: Db, now: () => number = Date.now): Authenticator {
  const remembered = new Map<string, { until: number; row: Promise<KeyRow | null> }>();

  const rowOf = (id: string): Promise<KeyRow | null> => {
    const known = remembered.get(id);
    if (known && known.until > now()) return known.row;
    if (remembered.size >= MOST_REMEMBERED) remembered.clear();
    const row = one(
      db,
      KeyRow,
      sql`
      SELECT k.tenant_id, k.secret_hash, k.previous_hash, k.previous_until, k.scopes, k.expires_at, t.rate_limit_per_minute
        FROM api_key k JOIN tenant t ON t.id = k.tenant_id
       WHERE k.id = ${id} AND k.revoked_at IS NULL AND t.deleted_at IS NULL`,
    );
    remembered.set(id, { until: now() + REMEMBERED_MS, row });
    row.catch(() => remembered.delete(id)); // an outage is nothing to remember; the caller gets the error itself
    return row;
  };

  const authenticate: Authenticator['authenticate'] = async (authorization) => {
    if (authorization === undefined) throw new LikenessError('unauthenticated', 'There is no Authorization header.');
    // Replicate's older clients say Token.
    const key = parseApiKey(/^(?:Bearer|Token) +(\S+)$/i.exec(authorization)?.[1] ?? '');
    if (!key) throw new LikenessError('unauthenticated', 'The Authorization header is not of the form "Bearer lk_…".');
    let row = await rowOf(key.id);
    if (row && !hasSecret(row, key.secretHash, now())) {
      remembered.delete(key.id); // it may have a new secret since, and the news of it be still under way
      row = await rowOf(key.id);
    }
    if (!row || !hasSecret(row, key.secretHash, now())) throw new LikenessError('unauthenticated', 'The API key is unknown or revoked.');
    if (row.expires_at && row.expires_at.getTime() <= now()) {
      throw new LikenessError('unauthenticated', `The API key expired at ${row.expires_at.toISOString()}.`);
    }
    return { tenantId: row.tenant_id, scopes: new Set(row.scopes), rateLimitPerMinute: row.rate_limit_per_minute };
  };
  return { authenticate, forget: () => remembered.clear() };
}

/** The present secret, or the one before it while their overlap lasts. */
function hasSecret({ secret_hash, previous_hash, previous_until }: KeyRow, given: Uint8Array, now: number): boolean {
  if (sameSecret(secret_hash, given)) return true;
  return previous_hash !== null && previous_until !== null && previous_until.getTime() > now && sameSecret(previous_hash, given);
}
