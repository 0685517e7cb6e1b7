const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Before attempt 1, 2, …: 28 hours in all, so that a receiver's bad day loses nothing. */
export const RETRY_SCHEDULE = [0, 5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR] as const;

/** So that the deliveries of an outage do not all come back at once. */
const JITTER = 0.2;

/**
 * Milliseconds to wait after `attempts` failed attempts, null when there is no further one.
 * What a receiver asks for in `Retry-After` is honoured between once and twice the schedule.
 */
export function retryDelay(attempts: number, retryAfterMs?: number, random: () => number = Math.random): number | null {
  const scheduled = RETRY_SCHEDULE[attempts];
  if (scheduled === undefined) return null;
  if (retryAfterMs !== undefined) return Math.min(Math.max(retryAfterMs, scheduled), 2 * scheduled);
  return Math.round(scheduled * (1 - JITTER + 2 * JITTER * random()));
}

/** `Retry-After` (RFC 9110: seconds, or a date) in milliseconds from now; undefined when there is none that can be read. */
export function parseRetryAfter(header: string | undefined, now: number = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  const milliseconds = /^\d+$/.test(header.trim()) ? Number(header) * SECOND : Date.parse(/GMT$/.test(header.trim()) ? header : '') - now;
  return Number.isNaN(milliseconds) ? undefined : Math.max(0, milliseconds);
}
