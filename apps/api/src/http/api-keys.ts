/** Bearer keys `lk_<id>_<secret>`. The database holds only hashes; what it says is remembered for a few seconds. */
import { timingSafeEqual } from 'node:crypto';
import { LikenessError, SCOPES, type Scope, type TenantId } from '@likeness/contracts';
import { one, sql, type Db } from '@likeness/platform/db';
import { parseApiKey } from '@likeness/platform/keys';
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
  scopes: z.array(z.enum(SCOPES)),
  expires_at: z.date().nullable(),
  rate_limit_per_minute: z.number(),
});
type KeyRow = z.infer<typeof KeyRow>;

/** A revoked key stops working, and a tenant's new limits hold, after at most this long. */
const REMEMBERED_MS = 4_000;
const MOST_REMEMBERED = 10_000;

export function createAuthenticator(db: Db, now: () => number = Date.now): (authorization: string | undefined) => Promise<Principal> {
  const remembered = new Map<string, { until: number; row: Promise<KeyRow | null> }>();

  const rowOf = (id: string): Promise<KeyRow | null> => {
    const known = remembered.get(id);
    if (known && known.until > now()) return known.row;
    if (remembered.size >= MOST_REMEMBERED) remembered.clear();
    const row = one(
      db,
      KeyRow,
      sql`
      SELECT k.tenant_id, k.secret_hash, k.scopes, k.expires_at, t.rate_limit_per_minute
        FROM api_key k JOIN tenant t ON t.id = k.tenant_id
       WHERE k.id = ${id} AND k.revoked_at IS NULL`,
    );
    remembered.set(id, { until: now() + REMEMBERED_MS, row });
    row.catch(() => remembered.delete(id)); // an outage is nothing to remember; the caller gets the error itself
    return row;
  };

  return async (authorization) => {
    if (authorization === undefined) throw new LikenessError('unauthenticated', 'There is no Authorization header.');
    // Replicate's older clients say Token.
    const key = parseApiKey(/^(?:Bearer|Token) +(\S+)$/i.exec(authorization)?.[1] ?? '');
    if (!key) throw new LikenessError('unauthenticated', 'The Authorization header is not of the form "Bearer lk_…".');
    const row = await rowOf(key.id);
    if (!row || !timingSafeEqual(row.secret_hash, key.secretHash))
      throw new LikenessError('unauthenticated', 'The API key is unknown or revoked.');
    if (row.expires_at && row.expires_at.getTime() <= now()) {
      throw new LikenessError('unauthenticated', `The API key expired at ${row.expires_at.toISOString()}.`);
    }
    return {
      tenantId: row.tenant_id,
      scopes: new Set(row.scopes),
      rateLimitPerMinute: row.rate_limit_per_minute,
    };
  };
}
