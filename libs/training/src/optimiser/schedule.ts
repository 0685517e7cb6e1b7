/** How the learning rate runs over a training. */
export interface Schedule {
  /** Its height. */
  readonly learningRate: number;
  /** Steps in which it rises from zero. */
  readonly warmup: number;
  /** After that it stays, or falls along half a cosine. */
  readonly schedule: 'constant' | 'cosine';
  /** Where the cosine ends, as a share of the height. */
  readonly finalShare: number;
}

/** The learning rate of a step, counted from 1, of `steps`. */
export function learningRateAt(step: number, steps: number, { learningRate, warmup, schedule, finalShare }: Schedule): number {
  if (step <= warmup) return (learningRate * step) / warmup;
  if (schedule === 'constant') return learningRate;
  const done = Math.min(1, (step - warmup) / Math.max(1, steps - warmup));
  return learningRate * (finalShare + (1 - finalShare) * 0.5 * (1 + Math.cos(Math.PI * done)));
}
