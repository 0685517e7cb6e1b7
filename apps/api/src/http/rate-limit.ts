/**
 * Requests per minute and tenant, counted in this process: with n API replicas behind a balancer a tenant gets up to n times its limit.
 * A window of 60 s opens with a tenant's first request, so that `RateLimit` says exactly what is left and until when.
 */
const WINDOW_MS = 60_000;

export interface RateLimit {
  readonly allowed: boolean;
  /** `RateLimit-Policy` and `RateLimit` as the IETF draft writes them. */
  readonly policy: string;
  readonly state: string;
  /** Seconds until the window ends. */
  readonly resetSeconds: number;
}

export function createRateLimiter(now: () => number = Date.now): (tenantId: string, perMinute: number) => RateLimit {
  const windows = new Map<string, { endsAt: number; used: number }>();
  let sweepAt = 0;
  return (tenantId, perMinute) => {
    const time = now();
    if (time >= sweepAt) {
      for (const [id, { endsAt }] of windows) if (endsAt <= time) windows.delete(id);
      sweepAt = time + WINDOW_MS;
    }
    let window = windows.get(tenantId);
    if (!window || window.endsAt <= time) windows.set(tenantId, (window = { endsAt: time + WINDOW_MS, used: 0 }));
    const allowed = window.used < perMinute;
    if (allowed) window.used++;
    const resetSeconds = Math.max(1, Math.ceil((window.endsAt - time) / 1000));
    return {
      allowed,
      policy: `"default";q=${perMinute};w=${WINDOW_MS / 1000}`,
      state: `"default";r=${Math.max(0, perMinute - window.used)};t=${resetSeconds}`,
      resetSeconds,
    };
  };
}
