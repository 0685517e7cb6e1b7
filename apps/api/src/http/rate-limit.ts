/**
 * Requests per minute and tenant. A window of 60 s opens with a tenant's first request, so that `RateLimit` says exactly what is left
 * and until when. Every API process counts for itself, and once a second tells the common row of the tenant what it has let through and
 * hears what all have: no request waits for the database, and several processes together let through at most what arrives within that
 * second beyond the limit. While the database is away each process limits alone.
 */
import { many, sql, type Db } from '@likeness/platform/db';
import { z } from 'zod';

const WINDOW_MS = 60_000;
const TELL_MS = 1_000;

export interface RateLimit {
  readonly allowed: boolean;
  /** `RateLimit-Policy` and `RateLimit` as the IETF draft writes them. */
  readonly policy: string;
  readonly state: string;
  /** Seconds until the window ends. */
  readonly resetSeconds: number;
}

export interface RateLimiter {
  /** Counts a request. One that is not allowed is not counted. */
  limit(tenantId: string, perMinute: number): RateLimit;
  /** Tells and hears now. */
  share(): Promise<void>;
  /** Shares no more. */
  close(): void;
}

interface Window {
  endsAt: number;
  /** By all processes, as far as this one has heard. */
  used: number;
  /** Of these, by this process and not told yet. */
  untold: number;
}

/** Adds what this process has let through to the tenants' common windows; gives back how they stand. */
type Tell = (windows: readonly Telling[]) => Promise<ReadonlyMap<string, Shared>>;

interface Telling {
  readonly id: string;
  readonly told: number;
  readonly msLeft: number;
}

const Shared = z.object({ tenant_id: z.string(), used: z.number(), ms_left: z.number() });
type Shared = z.infer<typeof Shared>;

export function createRateLimiter(tell: Tell, now: () => number = Date.now): RateLimiter {
  const windows = new Map<string, Window>();
  let sweepAt = 0;

  const windowOf = (tenantId: string): Window => {
    const time = now();
    if (time >= sweepAt) {
      for (const [id, { endsAt }] of windows) if (endsAt <= time) windows.delete(id);
      sweepAt = time + WINDOW_MS;
    }
    const known = windows.get(tenantId);
    if (known && known.endsAt > time) return known;
    const opened = { endsAt: time + WINDOW_MS, used: 0, untold: 0 };
    windows.set(tenantId, opened);
    return opened;
  };

  const share = async (): Promise<void> => {
    const telling = [...windows]
      .filter(([, { untold, endsAt }]) => untold > 0 && endsAt > now())
      .map(([id, window]) => ({ id, window, told: window.untold }));
    if (telling.length === 0) return;
    const heard = await tell(telling.map(({ id, window, told }) => ({ id, told, msLeft: window.endsAt - now() })));
    for (const { id, window, told } of telling) {
      const common = heard.get(id);
      if (!common) continue;
      window.untold -= told;
      window.used = common.used + window.untold;
      window.endsAt = now() + common.ms_left;
    }
  };

  const timer = setInterval(() => void share().catch(() => undefined), TELL_MS).unref(); // told with the next second's
  return {
    share,
    close: () => clearInterval(timer),
    limit: (tenantId, perMinute) => {
      const window = windowOf(tenantId);
      const allowed = window.used < perMinute;
      if (allowed) {
        window.used++;
        window.untold++;
      }
      const resetSeconds = Math.max(1, Math.ceil((window.endsAt - now()) / 1000));
      return {
        allowed,
        policy: `"default";q=${perMinute};w=${WINDOW_MS / 1000}`,
        state: `"default";r=${Math.max(0, perMinute - window.used)};t=${resetSeconds}`,
        resetSeconds,
      };
    },
  };
}

/** The common windows as rows; all processes write them in one order. */
export const sharedWindows =
  (db: Db): Tell =>
  async (windows) => {
    const rows = await many(
      db,
      Shared,
      sql`
    INSERT INTO rate_window AS w (tenant_id, ends_at, used)
    SELECT id, now() + ms_left * interval '1 millisecond', told
      FROM unnest(${windows.map(({ id }) => id)}::text[], ${windows.map(({ msLeft }) => msLeft)}::float8[], ${windows.map(({ told }) => told)}::int[])
           AS t (id, ms_left, told)
     ORDER BY id
    ON CONFLICT (tenant_id) DO UPDATE
       SET used = CASE WHEN w.ends_at <= now() THEN excluded.used ELSE w.used + excluded.used END,
           ends_at = CASE WHEN w.ends_at <= now() THEN excluded.ends_at ELSE w.ends_at END
    RETURNING tenant_id, used, greatest(0, extract(epoch FROM ends_at - now()) * 1000)::float8 AS ms_left`,
    );
    return new Map(rows.map((row) => [row.tenant_id, row]));
  };
