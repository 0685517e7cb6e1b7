/** How weights are averaged over the steps. */
export interface AverageOptions {
  /** Share of the old average at every update. */
  readonly decay: number;
  /** Steps from one update to the next. */
  readonly every: number;
}

/**
 * Moves the average towards the weights, in place. At first it follows faster, by (1 + n)/(10 + n) at the n-th update, so that the
 * beginning is forgotten soon (as diffusers' EMAModel). In this thread, not in a graph: one pass over memory either way, and a graph would copy what it
 * returns.
 */
export function updateAverage(
  average: ReadonlyMap<string, Float32Array>,
  weights: ReadonlyMap<string, Float32Array>,
  update: number,
  { decay }: AverageOptions,
): void {
  const share = 1 - Math.min(decay, (1 + update) / (10 + update));
  for (const [key, mean] of average) {
    const values = weights.get(key)!;
    for (let i = 0; i < mean.length; i++) mean[i]! += share * (values[i]! - mean[i]!);
  }
}
