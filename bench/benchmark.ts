import { startRedis, startS3 } from '../libs/platform/src/testing/index.ts';
import { startScratchStack, type ScratchStack } from '../tools/stack/scratch-stack.ts';
import type { StackOptions } from '../tools/stack/stack.ts';
import { seedFinished } from './seed-finished.ts';

export interface Result {
  /** The figure that the benchmark is named for, one value per run. */
  readonly runs: number[];
  readonly unit: string;
  readonly parameters: Record<string, unknown>;
  /** Further figures of the same runs. */
  readonly parts?: Record<string, number[]>;
}

export type Profile = 'embedded' | 'distributed';

export interface BenchOptions {
  /** The models of the benchmarks that measure models. */
  readonly pack: string;
  /** Of the picture, in pixels; the pack's usual one where absent. */
  readonly size: { readonly width: number; readonly height: number } | undefined;
  /** How often a benchmark of models measures. */
  readonly runs: number;
  /** A Python with `bench/compare/requirements.txt`: the benchmark times PyTorch, too. */
  readonly compare: string | undefined;
  /** Time the UNet in 8-bit integers, too. */
  readonly int8: boolean;
  /** What the platform stands on: Postgres alone and a directory; or Postgres, Redis and S3. */
  readonly profile: Profile;
  /** Jobs that lie finished in the tables before the measurement begins. */
  readonly finished: number;
  /** Whether one process runs all three stages. */
  readonly oneProcess: boolean;
  /** Objects in a directory in the distributed profile, too: an S3 server on the same cores costs more than all else together. */
  readonly directory: boolean;
  /** No-op stages that a worker has at work at once; 1 = as with models. */
  readonly concurrency: number;
  /** Of `soak`. */
  readonly minutes: number;
}

export type Benchmark = (say: (line: string) => void, options: BenchOptions) => Promise<Result>;

/** Nearest-rank percentile. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)] ?? NaN;
}

export interface NoopStack extends ScratchStack {
  /** A picture that the system has. */
  readonly upload: string;
  /** For the report. */
  readonly parameters: Record<string, unknown>;
}

/** The whole system with stages that do nothing, so that only the platform is measured. */
export async function withNoopStack<T>(
  { profile, finished, oneProcess, concurrency, directory }: BenchOptions,
  say: (line: string) => void,
  work: (stack: NoopStack) => Promise<T>,
  options: Partial<StackOptions> = {},
): Promise<T> {
  const redis = profile === 'distributed' ? await startRedis() : undefined;
  const s3 = profile === 'distributed' && !directory ? await startS3('likeness-bench') : undefined;
  const scratch = await startScratchStack({
    pack: 'noop',
    redisUrl: redis?.url,
    s3Url: s3?.url,
    oneWorkerProcess: oneProcess,
    env: { WORKER_CONCURRENCY: String(concurrency) },
    ...options,
  });
  try {
    if (finished > 0) await seedFinished(scratch.stack.databaseUrl, finished, say);
    const upload = (await scratch.client.upload(scratch.photo)).id;
    return await work({
      ...scratch,
      upload,
      parameters: {
        pack: 'noop',
        profile,
        finished_jobs: finished,
        one_process: oneProcess,
        concurrency,
        objects: s3 ? 'S3' : 'directory',
      },
    });
  } finally {
    await scratch.close();
    await Promise.all([redis?.stop(), s3?.stop()]);
  }
}
