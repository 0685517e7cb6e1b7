/** Whether a tenant may begin more: the cap of generations under way and the monthly quota, asked by the statement that creates. */
import { LikenessError } from '@likeness/contracts';
import { z } from 'zod';

/** What the database function `admission` says when it refuses. */
export const Refusal = z.object({
  code: z.enum(['unauthenticated', 'queue_full', 'quota_exceeded']),
  most: z.number().optional(),
  taken: z.number().optional(),
});
export type Refusal = z.infer<typeof Refusal>;

export function refusalError({ code, most = 0, taken = 0 }: Refusal, now: Date = new Date()): LikenessError {
  if (code === 'unauthenticated') return new LikenessError(code, 'The tenant of the API key is being deleted.');
  if (code === 'queue_full') {
    return new LikenessError(code, `${most} generations may be under way at once, and ${taken} are.`, { retryAfter: 5 });
  }
  const renewed = nextMonth(now);
  return new LikenessError(
    code,
    `${most} pictures a month are allowed; ${taken} were made or are being made until ${renewed.toISOString()}.`,
    {
      retryAfter: Math.ceil((renewed.getTime() - now.getTime()) / 1000),
    },
  );
}

/** The first moment of the next month, UTC: when quotas are renewed. */
export const nextMonth = (now: Date): Date => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1));
