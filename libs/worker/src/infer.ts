/** A handler's way to the models: a task for the pool, tied to its stage's cancel, progress and time, and to the worker's end. */
import { StagePaused, type StageContext } from '@likeness/generation';
import { TaskPaused } from '@likeness/inference';
import type { PipelineTasks } from '@likeness/pipeline';
import type { Drain } from './drain.ts';
import type { InferencePool } from './inference-pool.ts';
import type { WorkerConfig } from './worker.config.ts';

/** Runs a task with this stage's pack; its time counts as the stage's, its steps are the stage's progress. */
export type Infer = <T extends keyof PipelineTasks>(
  task: T,
  payload: Omit<Parameters<PipelineTasks[T]>[0], 'pack'>,
) => Promise<Awaited<ReturnType<PipelineTasks[T]>>>;

export function inferWith(
  pool: InferencePool,
  drain: Drain,
  { stage, signal, progress, worked }: StageContext,
  { STAGE_TIMEOUT_SECONDS, PREVIEW_MS }: Pick<WorkerConfig, 'STAGE_TIMEOUT_SECONDS' | 'PREVIEW_MS'>,
): Infer {
  return (task, payload) => {
    const pace = new Pace();
    const tooLong = new AbortController();
    const look = () => pace.remainingMs > drain.leftMs && tooLong.abort();
    drain.begun.addEventListener('abort', look);
    const previews = task === 'samplePortrait' && { previewMs: PREVIEW_MS };
    return pool
      .run(task, { pack: stage.pack.name, ...previews, ...payload } as never, {
        signal,
        pause: AbortSignal.any([tooLong.signal, drain.over]),
        onProgress: ({ step, total, preview }) => {
          pace.saw(step, total);
          look();
          progress({ step, total }, preview);
        },
        onWorked: worked,
        timeoutMs: STAGE_TIMEOUT_SECONDS * 1000,
      })
      .catch((error: unknown) => {
        throw error instanceof TaskPaused ? new StagePaused(error.state) : error;
      })
      .finally(() => drain.begun.removeEventListener('abort', look));
  };
}

/** When a task will end, by the steps it has made. */
export class Pace {
  #first: { readonly step: number; readonly at: number } | undefined;
  #endsAt = 0;

  saw(step: number, total: number, at = performance.now()): void {
    this.#first ??= { step, at };
    const made = step - this.#first.step;
    if (made > 0) this.#endsAt = at + ((at - this.#first.at) / made) * (total - step);
  }

  /** 0 while nobody knows. */
  get remainingMs(): number {
    return Math.max(0, this.#endsAt - performance.now());
  }
}
