/**
 * Every stage alike: claim → load → work → keep → complete. While the work goes on the lease is renewed, progress is shown, and
 * a cancel is heard; whatever ends the work early ends it through one AbortSignal with a reason.
 */
import { isErrorCode, LikenessError, type StageId, type StageName, type WorkerId } from '@likeness/contracts';
import type { Db } from '@likeness/platform/db';
import type { Signals } from '@likeness/platform/signals';
import type { SealedStore } from '@likeness/platform/storage';
import type { Logger } from '@likeness/platform/telemetry';
import { loadArtifacts, writeArtifact, type LoadedArtifact, type NewArtifact } from './artifacts.ts';
import { flow } from './flow.ts';
import { completeAndGoOn, completeStage } from './complete-stage.ts';
import { claimStage, failStage, requeueStage, settleCancel } from './generation.store.ts';
import type { ClaimedStage, KeptArtifact, Progress, SavedWork } from './generation.ts';
import { Heart } from './heart.ts';
import { Previews } from './previews.ts';
import { lookUp, type Reuse } from './reuse.ts';
import { loadSavedWork, saveWork } from './saved-work.ts';

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
  /** How far the work has come; with a small JPEG of what there is, where there is something to see. */
  progress(progress: Pick<Progress, 'step' | 'total'>, preview?: Uint8Array): void;
  /** What an earlier attempt had saved when it threw `StagePaused`; null to begin at the beginning. */
  saved(): Promise<Uint8Array | null>;
  warn(...warnings: string[]): void;
  /** Aborted on cancel, on a lost lease, and when the worker has to stop. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Counts time that the models worked. */
  worked(milliseconds: number): void;
}

export type StageWork = (context: StageContext) => Promise<void>;

export interface StageParts {
  readonly db: Db;
  readonly store: SealedStore;
  readonly signals: Signals;
  readonly log: Logger;
  readonly workerId: WorkerId;
  /** Room for a stage in this process, where there is some just now. */
  readonly room?: (stage: StageName) => Room | undefined;
}

/** A place that is kept for the next stage of a generation, so that no message has to find a worker for it. One of the two is called. */
export interface Room {
  readonly workerId: WorkerId;
  run(stage: ClaimedStage): void;
  leave(): void;
}

export type StageOutcome = 'nothing_to_do' | 'completed' | 'canceled' | 'lost' | 'handed_back' | 'will_retry' | 'failed';

/** Why the work was stopped before its end. */
class Stop extends Error {
  readonly why: 'canceled' | 'lost' | 'handed_back';

  constructor(why: Stop['why']) {
    super(`the work was stopped: ${why}`);
    this.why = why;
  }
}

/** Thrown by work that has stopped between two steps because its worker has to go; another one goes on from `state`. */
export class StagePaused extends Stop {
  readonly state: Uint8Array;

  constructor(state: Uint8Array) {
    super('handed_back');
    this.state = state;
  }
}

/** What the work has left so far. */
interface Left {
  readonly artifacts: KeptArtifact[];
  /** The keys of the objects that this attempt has written. */
  readonly written: string[];
  readonly warnings: string[];
  /** Where the next attempt begins. */
  saved: SavedWork | null;
  /** Of this attempt and of those that it goes on from. */
  gpuSeconds: number;
  reuse: Reuse | null;
}

/** Never throws for what a job can do; only an outage of the database reaches the caller, and then the lease runs out. */
export async function runStage(parts: StageParts, stageId: StageId, work: StageWork, shutdown: AbortSignal): Promise<StageOutcome> {
  const stage = await claimStage(parts.db, stageId, parts.workerId, parts.store.vault.newKey());
  return stage ? runClaimed(parts, stage, work, shutdown) : 'nothing_to_do';
}

/** From the claim on. */
export async function runClaimed(parts: StageParts, stage: ClaimedStage, work: StageWork, shutdown: AbortSignal): Promise<StageOutcome> {
  const log = parts.log.child({ generation: stage.generation_id, stage: stage.name, attempt: stage.attempt });
  const control = new AbortController();
  const stop = (why: Stop['why']) => control.abort(new Stop(why));
  const heart = new Heart(parts, stage, log, stop);
  const previews = new Previews(parts.store, stage, log);
  const unsubscribe = parts.signals.subscribe('cancel', (id) => id === stage.generation_id && stop('canceled'));
  const handBack = () => stop('handed_back');
  shutdown.addEventListener('abort', handBack, { once: true });
  if (shutdown.aborted) handBack();

  const left: Left = { artifacts: [], written: [], warnings: [], saved: null, gpuSeconds: stage.resume?.gpu_seconds ?? 0, reuse: null };
  let early: { readonly reason: unknown } | undefined;
  try {
    left.reuse = await lookUp(parts.db, parts.store.vault, stage);
    if (left.reuse?.found) leave(left, left.reuse.found);
    else await work(contextOf(parts, stage, { heart, previews, signal: control.signal, left, log }));
  } catch (error) {
    early = { reason: control.signal.aborted ? control.signal.reason : error };
  } finally {
    await heart.stop();
    unsubscribe();
    shutdown.removeEventListener('abort', handBack);
  }
  // A completion whose answer is lost throws past the removal: rows may point at the objects by then.
  const outcome = early ? await ended(parts, stage, early.reason, left, log) : await completed(parts, stage, left);
  await remove(parts, log, [...(outcome === 'completed' ? [] : left.written), ...usedUp(stage, outcome, left)]);
  await previews.clear();
  return outcome;
}

/** What an earlier generation of the subject has come to; no model is asked. */
function leave(left: Left, { artifacts, warnings }: NonNullable<Reuse['found']>): void {
  left.artifacts.push(...artifacts);
  left.warnings.push(...warnings);
}

interface AtWork {
  readonly heart: Heart;
  readonly previews: Previews;
  readonly signal: AbortSignal;
  readonly left: Left;
  readonly log: Logger;
}

function contextOf({ db, store }: StageParts, stage: ClaimedStage, { heart, previews, signal, left, log }: AtWork): StageContext {
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
    progress: (progress, preview) => {
      heart.show(progress);
      if (preview) previews.add(progress.step, preview, (key) => heart.show({ preview: key }));
    },
    saved: () => loadSavedWork(store, stage, log),
    warn: (...warnings) => void left.warnings.push(...warnings),
    signal,
    log,
    worked: (milliseconds) => void (left.gpuSeconds += milliseconds / 1000),
  };
}

async function completed({ db, room }: StageParts, stage: ClaimedStage, left: Left): Promise<StageOutcome> {
  const { next } = flow[stage.name];
  const place = next === null ? undefined : room?.(next);
  if (place ? await goOn(db, stage, left, place) : await completeStage(db, stage, stage.name, left)) return 'completed';
  // A cancel was asked for in the last moment, or the lease was lost.
  return (await settleCancel(db, stage.generation_id, stage)) ? 'canceled' : 'lost';
}

/** A completion whose answer is lost may have claimed the next stage: its lease runs out then. */
async function goOn(db: Db, stage: ClaimedStage, left: Left, place: Room): Promise<boolean> {
  let next: ClaimedStage | boolean = false;
  try {
    next = await completeAndGoOn(db, stage, left, place.workerId);
  } finally {
    if (typeof next === 'boolean') place.leave();
  }
  if (typeof next !== 'boolean') place.run(next);
  return next !== false;
}

async function ended(parts: StageParts, stage: ClaimedStage, reason: unknown, left: Left, log: Logger): Promise<StageOutcome> {
  if (!(reason instanceof Stop)) return failed(parts, stage, reason, log);
  if (reason.why === 'lost') return 'lost';
  // Handing back what was canceled meanwhile would only make somebody else end it.
  if (await settleCancel(parts.db, stage.generation_id, stage)) return 'canceled';
  return reason.why === 'handed_back' ? handedBack(parts, stage, reason, left, log) : 'lost';
}

/** The attempt does not count; what it has saved is where the next one begins, and else what an earlier one had saved. */
async function handedBack({ db, store }: StageParts, stage: ClaimedStage, reason: Stop, left: Left, log: Logger): Promise<StageOutcome> {
  if (reason instanceof StagePaused) {
    const saving = saveWork(store, stage, reason.state, left.gpuSeconds);
    left.saved = await saving.catch((error: unknown) => (log.warn({ err: error }, 'a paused stage could not be saved'), null));
  }
  if (await requeueStage(db, stage, { keepsTry: true, ...(left.saved && { resume: left.saved }) })) return 'handed_back';
  if (left.saved) left.written.push(left.saved.object_key);
  return 'lost';
}

async function failed({ db }: StageParts, stage: ClaimedStage, cause: unknown, log: Logger): Promise<StageOutcome> {
  const error = stageError(cause);
  log.warn({ err: cause, code: error.code }, `stage ${stage.name} failed: ${error.message}`);
  // Whoever asked for the end has it; the error may even come of it, as when a subject's data key was destroyed.
  if (await settleCancel(db, stage.generation_id, stage)) return 'canceled';
  const jobError = error.toJobError(stage.name);
  const away = error.code === 'storage_unavailable' || error.code === 'unavailable';
  if (error.retryable && stage.attempt < (away ? OUTAGE_ATTEMPTS : stage.max_attempts)) {
    const delaySeconds = away ? Math.min(5 * 2 ** (stage.attempt - 1), 60) : 2 ** (stage.attempt - 1);
    // Without what was saved: it may be what the work failed of.
    const requeued = await requeueStage(db, stage, { error: jobError, delaySeconds, keepsTry: away, resume: null });
    return requeued ? 'will_retry' : 'lost';
  }
  return (await failStage(db, stage, jobError)) ? 'failed' : 'lost';
}

/**
 * A mishap is over at once, or is none. A service that is away is waited for, about five minutes in all: attempts that it has spoilt
 * do not count, since the stage has had no part in them.
 */
const OUTAGE_ATTEMPTS = 9;

/** Any error with a code of the registry keeps it, with its message; anything else is `internal` and its text stays in the log. */
function stageError(cause: unknown): LikenessError {
  if (cause instanceof LikenessError) return cause;
  const { code, message } = cause as { code?: unknown; message?: string };
  if (isErrorCode(code) && code !== 'internal') return new LikenessError(code, message ?? code, { cause });
  return new LikenessError('internal', 'An unexpected error ended the stage.', { cause });
}

/** What this attempt had begun with, when no row points at it any more. */
function usedUp({ resume }: ClaimedStage, outcome: StageOutcome, left: Left): string[] {
  const isUsedUp = outcome === 'handed_back' ? left.saved !== null : outcome !== 'lost';
  return resume && isUsedUp ? [resume.object_key] : [];
}

/** What nothing points at, now or ever. */
async function remove({ store }: StageParts, log: Logger, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return;
  await store.remove(keys).catch((error: unknown) => log.warn({ err: error }, 'objects of an unfinished stage are left to the sweeper'));
}

/** A contract without exactly one handler stops the boot: messages would be dropped. */
export function checkHandlers(stages: readonly StageName[], handled: readonly string[]): void {
  const wanted = stages.map((stage): string => flow[stage].job);
  const wrong = [
    ...wanted.filter((job) => handled.filter((other) => other === job).length !== 1),
    ...handled.filter((job) => !wanted.includes(job)),
  ];
  if (wrong.length > 0)
    throw new Error(`a worker of ${stages.join(', ')} needs exactly one handler for each of its jobs; wrong: ${wrong.join(', ')}`);
}
