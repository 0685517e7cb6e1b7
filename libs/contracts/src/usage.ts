/** What a tenant has used, may use, and would use. */
import { z } from 'zod';

const count = z.int();

/** A day or a time; only the day (UTC) counts. */
const Day = z
  .union([z.iso.date(), z.iso.datetime({ offset: true })])
  .refine((text) => !(text < '2000') && text < '2100', 'must be between 2000-01-01 and 2099-12-31')
  .meta({ id: 'Day', description: 'a day or a time; only the day (UTC) counts' });

/** Query of `GET /v1/usage`: both days are included. */
export const GetUsage = z
  .strictObject({
    from: Day.optional().describe('default: the first day of the present month'),
    to: Day.optional().describe('included; default: today'),
    group_by: z.enum(['day', 'month']).default('day'),
  })
  .refine(({ from, to }) => from === undefined || to === undefined || new Date(from) <= new Date(to), {
    path: ['to'],
    error: 'must not be before from',
  });
export type GetUsage = z.infer<typeof GetUsage>;

const figures = {
  generations: z.object({ succeeded: count, failed: count, canceled: count, expired: count }),
  images: count,
  gpu_seconds: z.number(),
  cache_hits: count.describe('stages that were reused from an earlier job'),
};

export const Usage = z
  .object({
    data: z.array(z.object({ period: z.string().describe('`2026-11-24` or `2026-11`; one without any use is left out'), ...figures })),
    total: z.object(figures),
  })
  .meta({ id: 'Usage' });
export type Usage = z.infer<typeof Usage>;
export type UsageFigures = Usage['total'];

export const Limits = z
  .object({
    rate_limit_per_minute: count,
    max_active: count,
    active: count.describe('generations under way'),
    monthly_images: count.nullable().describe('null: no quota'),
    images_left: count.nullable().describe('of this month’s quota; what is under way counts as made'),
    resets_at: z.iso.datetime().describe('when the quota is renewed'),
  })
  .meta({ id: 'Limits' });
export type Limits = z.infer<typeof Limits>;

export const Estimate = z
  .object({
    queue_position: count.describe('1 is next (counted to 1,000)'),
    eta_seconds: z.number().describe('until it would have ended: the wait and the work, from what was done lately; 0 when nothing was'),
    gpu_seconds: z.number(),
    images: count,
  })
  .meta({ id: 'Estimate' });
export type Estimate = z.infer<typeof Estimate>;
