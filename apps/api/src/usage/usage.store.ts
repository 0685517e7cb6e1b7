/** What a tenant has used: rows that outlive the generations, folded per day by the dispatcher. */
import type { Limits, TenantId, Usage, UsageFigures } from '@likeness/contracts';
import { many, one, sql, type Db } from '@likeness/platform/db';
import { z } from 'zod';
import { nextMonth } from '../limits/admission.ts';

const PeriodRow = z.object({
  period: z.string(),
  succeeded: z.number(),
  failed: z.number(),
  canceled: z.number(),
  expired: z.number(),
  images: z.number(),
  gpu_seconds: z.number(),
  cache_hits: z.number(),
});
type PeriodRow = z.infer<typeof PeriodRow>;

/** The format of a period, for Postgres. */
const PERIODS = { day: 'YYYY-MM-DD', month: 'YYYY-MM' } as const;

const dayOf = (text: string): string => new Date(text).toISOString().slice(0, 10);

/** Both days are included. */
export async function readUsage(
  db: Db,
  tenantId: TenantId,
  { from, to, group_by }: { from?: string | undefined; to?: string | undefined; group_by: keyof typeof PERIODS },
): Promise<Usage> {
  const [first, last] = [from && dayOf(from), to && dayOf(to)];
  const rows = await many(
    db,
    PeriodRow,
    sql`
    SELECT to_char(day, ${PERIODS[group_by]}) AS period, sum(succeeded)::bigint AS succeeded, sum(failed)::bigint AS failed, sum(canceled)::bigint AS canceled,
           sum(expired)::bigint AS expired, sum(images)::bigint AS images, sum(gpu_seconds)::float8 AS gpu_seconds, sum(cache_hits)::bigint AS cache_hits
      FROM usage
     WHERE tenant_id = ${tenantId} AND day >= coalesce(${first ?? null}::date, this_month()) AND day <= coalesce(${last ?? null}::date, (now() AT TIME ZONE 'UTC')::date)
     GROUP BY period ORDER BY period`,
  );
  return { data: rows.map((row) => ({ period: row.period, ...figuresOf([row]) })), total: figuresOf(rows) };
}

function figuresOf(rows: readonly PeriodRow[]): UsageFigures {
  const sum = (column: Exclude<keyof PeriodRow, 'period'>) => rows.reduce((total, row) => total + row[column], 0);
  return {
    generations: { succeeded: sum('succeeded'), failed: sum('failed'), canceled: sum('canceled'), expired: sum('expired') },
    images: sum('images'),
    gpu_seconds: Math.round(sum('gpu_seconds') * 1000) / 1000,
    cache_hits: sum('cache_hits'),
  };
}

const LimitsRow = z.object({
  rate_limit_per_minute: z.number(),
  max_active: z.number(),
  monthly_images: z.number().nullable(),
  active: z.number(),
  made: z.number(),
  making: z.number(),
});

/** Null for a tenant that has gone. */
export async function readLimits(db: Db, tenantId: TenantId, now: Date = new Date()): Promise<Limits | null> {
  const row = await one(
    db,
    LimitsRow,
    sql`
    SELECT rate_limit_per_minute, max_active, monthly_images, active, making,
           (SELECT coalesce(sum(images), 0) FROM usage WHERE tenant_id = t.id AND day >= this_month())::bigint AS made
      FROM tenant t, LATERAL (
        SELECT count(*)::int AS active, coalesce(sum((input->>'num_images')::int), 0)::int AS making
          FROM generation WHERE tenant_id = t.id AND status IN ('queued', 'processing')) AS under_way
     WHERE id = ${tenantId}`,
  );
  if (!row) return null;
  const { made, making, ...limits } = row;
  const images_left = limits.monthly_images === null ? null : Math.max(0, limits.monthly_images - made - making);
  return { ...limits, images_left, resets_at: nextMonth(now).toISOString() };
}
