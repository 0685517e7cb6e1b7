import type { Random } from '../random.ts';

/** `count` of the pool, any of them any number of times. */
export const drawFrom = <T>(pool: readonly T[], count: number, random: Random): T[] =>
  Array.from({ length: count }, () => pool[random.integer(pool.length)]!);

/** In parts of `size`; what is left over at the end is not in any. */
export const inBatches = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.floor(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
