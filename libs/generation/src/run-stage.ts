/**
 * Every stage alike: claim → load → work → keep → complete. While the work goes on the lease is renewed, progress is shown, and
 * a cancel is heard; whatever ends the work early ends it through one AbortSignal with a reason.
 */
import { isErrorCode, LikenessError, type StageId, type WorkerId } from '@likeness/contracts';
import type { Db } from '@likeness/platform/db';
import type { Signals } from '@likeness/platform/signals';
import type { SealedStore } from '@likeness/platform/storage';
import type { Logger } from '@likeness/platform/telemetry';
import { loadArtifacts, writeArtifact, type LoadedArtifact, type NewArtifact } from './artifacts.ts';
import { flow } from './flow.ts';
import { claimStage, completeStage, failStage, heartbeat, requeueStage, settleCancel } from './generation.store.ts';
import type { ClaimedStage, KeptArtifact, Progress } from './generation.ts';

export interface StageContext {
  readonly stage: ClaimedStage;
  /** The only artifact of a name. */
  load(name: string): Promise<LoadedArtifact>;
  /** All artifacts of a name, in order. */
  loadAll(name: string): Promise<LoadedArtifact[]>;
  /** Keeps one more artifact under a name, or several in order; they exist once the stage is completed. */
  keep(name: string, artifacts: NewArtifact | readonly NewArtifact[]): Promise<void>;
  /** Lets the stage leave an object that is there already. */
  point(artifact: KeptArtifact): void;
  progress(progress: Progress): void;
  warn(...warnings: string[]): void;
  /** Aborted on cancel, on a lost lease, and when the worker has to stop. */
  readonly signal: AbortSignal;
  /** Runs the model's part, and counts its time. */
  measured<T>(work: () => Promise<T>): Promise<T>;
}

export type StageWork = (context: StageContext) => Promise<void>;

export interface StageParts {
  readonly db: Db;
  readonly store: SealedStore;
  readonly signals: Signals;
  readonly log: Logger;
  readonly workerId: WorkerId;
}

export type StageOutcome = 'nothing_to_do' | 'completed' | 'canceled' | 'lost' | 'handed_back' | 'will_retry' | 'failed';

const HEARTBEAT_MS = 2_000;
/** A change of progress is shown this soon. */
const PROGRESS_MS = 500;

/** Why the work was stopped before its end. */
class Stop extends Error {
  readonly why: 'canceled' | 'lost' | 'handed_back';

  constructor(why: Stop['why']) {
    super(`the work was stopped: ${why}`);
    this.why = why;
  }
}

/** What the work has left so far. */
interface Left {
  readonly artifacts: KeptArtifact[];
  /** The keys of the objects that this attempt has written. */
  readonly written: string[];
  readonly warnings: string[];
  gpuSeconds: number;
}

/** Never throws for what a job can do; only an outage of the database reaches the caller, and then the lease runs out. */
export async function runStage(parts: StageParts, stageId: StageId, work: StageWork, shutdown: AbortSignal): Promise<StageOutcome> {
  const stage = await claimStage(parts.db, stageId, parts.workerId, parts.store.vault.newKey());
  if (!stage) return 'nothing_to_do';
  const log = parts.log.child({ generation: stage.generation_id, stage: stage.name, attempt: stage.attempt });
  const control = new AbortController();
  const stop = (why: Stop['why']) => control.abort(new Stop(why));
  const heart = new Heart(parts, stage, log, stop);
  const unsubscribe = parts.signals.subscribe('cancel', (id) => id === stage.generation_id && stop('canceled'));
  const handBack = () => stop('handed_back');
  shutdown.addEventListener('abort', handBack, { once: true });
  if (shutdown.aborted) handBack();

  const left: Left = { artifacts: [], written: [], warnings: [], gpuSeconds: 0 };
  let early: { readonly reason: unknown } | undefined;
  try {
    await work(contextOf(parts, stage, heart, control.signal, left));
  } catch (error) {
    early = { reason: control.signal.aborted ? control.signal.reason : error };
  } finally {
    await heart.stop();
    unsubscribe();
    shutdown.removeEventListener('abort', handBack);
  }
  // A completion whose answer is lost throws past the removal: rows may point at the objects by then.
  const outcome = early ? await ended(parts, stage, early.reason, log) : await completed(parts, stage, left);
  if (outcome !== 'completed') await removeWritten(parts, left, log);
  return outcome;
}

function contextOf({ db, store }: StageParts, stage: ClaimedStage, heart: Heart, signal: AbortSignal, left: Left): StageContext {
  const loadAll = (name: string) => loadArtifacts(db, store, stage, name);
  return {
    stage,
    loadAll,
    load: async (name) => {
      const [only] = await loadAll(name);
      if (!only) throw new LikenessError('internal', `The stage ${stage.name} needs ${name}, which no stage has left.`);
      return only;
    },
    keep: async (name, artifacts) => {
      signal.throwIfAborted();
      const first = left.artifacts.filter((other) => other.name === name).length;
      const keeping = [artifacts].flat().map(async (artifact, i) => {
        const kept = await writeArtifact(store, stage, name, first + i, artifact);
        left.artifacts.push(kept);
        left.written.push(kept.object_key);
      });
      await Promise.allSettled(keeping); // so that none is written after a failure has removed what was
      await Promise.all(keeping);
    },
    point: (artifact) => void left.artifacts.push(artifact),
    progress: (progress) => heart.show(progress),
    warn: (...warnings) => void left.warnings.push(...warnings),
    signal,
    measured: async (run) => {
      const start = performance.now();
      try {
        return await run();
      } finally {
        left.gpuSeconds += (performance.now() - start) / 1000;
      }
    },
  };
}

async function completed({ db }: StageParts, stage: ClaimedStage, left: Left): Promise<StageOutcome> {
  if (await completeStage(db, stage, stage.name, left)) return 'completed';
  // A cancel was asked for in the last moment, or the lease was lost.
  return (await settleCancel(db, stage.generation_id, stage)) ? 'canceled' : 'lost';
}

async function ended(parts: StageParts, stage: ClaimedStage, reason: unknown, log: Logger): Promise<StageOutcome> {
  if (!(reason instanceof Stop)) return failed(parts, stage, reason, log);
  if (reason.why === 'lost') return 'lost';
  // Handing back what was canceled meanwhile would only make somebody else end it.
  if (await settleCancel(parts.db, stage.generation_id, stage)) return 'canceled';
  return reason.why === 'handed_back' && (await requeueStage(parts.db, stage, { keepsTry: true })) ? 'handed_back' : 'lost';
}

async function failed({ db }: StageParts, stage: ClaimedStage, cause: unknown, log: Logger): Promise<StageOutcome> {
  const error = stageError(cause);
  log.warn({ err: cause, code: error.code }, `stage ${stage.name} failed: ${error.message}`);
  const jobError = error.toJobError(stage.name);
  if (error.retryable && stage.attempt < stage.max_attempts) {
    const delaySeconds = backOffSeconds(error, stage.attempt);
    return (await requeueStage(db, stage, { error: jobError, delaySeconds })) ? 'will_retry' : 'lost';
  }
  return (await failStage(db, stage, jobError)) ? 'failed' : 'lost';
}

/** A mishap is over at once; a service that is away may be restarting, and three quick tries would fail a job for nothing. */
const backOffSeconds = ({ code }: LikenessError, attempt: number): number =>
  code === 'storage_unavailable' || code === 'unavailable' ? 5 * 3 ** (attempt - 1) : 2 ** (attempt - 1);

/** Any error with a code of the registry keeps it, with its message; anything else is `internal` and its text stays in the log. */
function stageError(cause: unknown): LikenessError {
  if (cause instanceof LikenessError) return cause;
  const { code, message } = cause as { code?: unknown; message?: string };
  if (isErrorCode(code) && code !== 'internal') return new LikenessError(code, message ?? code, { cause });
  return new LikenessError('internal', 'An unexpected error ended the stage.', { cause });
}

/** What was written will never be pointed at. */
async function removeWritten({ store }: StageParts, { written }: Left, log: Logger): Promise<void> {
  await store.remove(written).catch((error: unknown) => log.warn({ err: error }, 'objects of an unfinished stage are left to the sweeper'));
}

/** Renews the lease, shows progress, and hears of a cancel that the signal did not bring. */
class Heart {
  readonly #parts: StageParts;
  readonly #stage: ClaimedStage;
  readonly #log: Logger;
  readonly #stop: (why: 'canceled' | 'lost') => void;
  #shown: Progress | null = null;
  #progress: Progress | null = null;
  #timer: NodeJS.Timeout | undefined;
  #lastBeat = Date.now();
  #beating: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(parts: StageParts, stage: ClaimedStage, log: Logger, stop: (why: 'canceled' | 'lost') => void) {
    this.#parts = parts;
    this.#stage = stage;
    this.#log = log;
    this.#stop = stop;
    this.#schedule(HEARTBEAT_MS);
  }

  show(progress: Progress): void {
    const first = this.#progress === null;
    this.#progress = progress;
    if (first) this.#schedule(0);
  }

  /** Resolves when no beat is under way any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#beating;
  }

  #schedule(delay: number): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#beating = this.#beat().finally(() => this.#schedule(PROGRESS_MS));
    }, delay);
  }

  async #beat(): Promise<void> {
    const progress = this.#progress === this.#shown ? null : this.#progress;
    if (progress === null && Date.now() - this.#lastBeat < HEARTBEAT_MS) return;
    try {
      const beat = await heartbeat(this.#parts.db, this.#stage, progress);
      this.#lastBeat = Date.now();
      this.#shown = this.#progress === progress ? progress : this.#shown;
      if (beat === null) this.#stop('lost');
      else if (beat.cancel_requested) this.#stop('canceled');
    } catch (error) {
      // The database may be back with the next beat; if not, the lease runs out and this attempt can write nothing more.
      this.#log.warn({ err: error }, 'a heartbeat did not reach the database');
    }
  }
}

/** A contract without exactly one handler stops the boot: messages would be dropped. */
export function checkHandlers(queue: string, handled: readonly string[]): void {
  const wanted = Object.values(flow).flatMap((stage) => (stage.queue === queue ? [stage.job] : []));
  const wrong = [
    ...wanted.filter((job) => handled.filter((other) => other === job).length !== 1),
    ...handled.filter((job) => !wanted.includes(job as never)),
  ];
  if (wrong.length > 0) throw new Error(`the queue ${queue} needs exactly one handler for each of its jobs; wrong: ${wrong.join(', ')}`);
}
