import { startScratchStack, type ScratchStack } from '../tools/stack/scratch-stack.ts';

export interface Result {
  /** The figure that the benchmark is named for, one value per run. */
  readonly runs: number[];
  readonly unit: string;
  readonly parameters: Record<string, unknown>;
  /** Further figures of the same runs. */
  readonly parts?: Record<string, number[]>;
}

/** `pack` names the models of those that measure models. */
export type Benchmark = (say: (line: string) => void, pack: string) => Promise<Result>;

/** Milliseconds of each of `runs` calls, after one that is not counted. */
export async function timed(runs: number, work: () => Promise<void>): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i <= runs; i++) {
    const start = performance.now();
    await work();
    if (i > 0) times.push(performance.now() - start);
  }
  return times;
}

/** Nearest-rank percentile. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)] ?? NaN;
}

/** The whole system with stages that do nothing, so that only the platform is measured. `upload` is a picture that it has. */
export async function withNoopStack<T>(work: (parts: ScratchStack & { readonly upload: string }) => Promise<T>): Promise<T> {
  const scratch = await startScratchStack({ pack: 'noop' });
  try {
    return await work({ ...scratch, upload: (await scratch.client.upload(scratch.photo)).id });
  } finally {
    await scratch.close();
  }
}
