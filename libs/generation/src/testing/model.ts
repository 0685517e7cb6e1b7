/**
 * The journey of generations as a state machine in memory: what the statements of `generation.store.ts` must do, written a second time
 * and in another way. Commands are made of steps; a step is what one statement does at once.
 */
import type { StageName } from '@likeness/contracts';
import { FIRST_STAGE, flow } from '../flow.ts';

export interface ModelStage {
  readonly name: StageName;
  status: 'queued' | 'processing' | 'succeeded' | 'failed' | 'canceled';
  attempt: number;
  maxAttempts: number;
  lapsed: boolean;
  /** The attempt whose result was committed. */
  committedBy: number | null;
  /** Messages in the outbox. */
  messages: number;
  /** Whether it was relayed and not sent again since. */
  relayed: boolean;
}

export interface ModelProgress {
  readonly step: number;
  readonly preview?: string;
}

export interface ModelJob {
  status: 'queued' | 'processing' | 'succeeded' | 'failed' | 'canceled' | 'expired';
  stage: StageName | null;
  cancelRequested: boolean;
  deadline: 'none' | 'ahead' | 'past';
  progress: ModelProgress | null;
  errored: boolean;
  events: string[];
  webhooks: number;
  readonly stages: ModelStage[];
}

/** An attempt of a stage that some worker got, whether it still counts or not. */
export interface ModelFence {
  readonly stage: number;
  readonly attempt: number;
}

export type Step = (job: ModelJob) => unknown;

const stageOf = (name: StageName): ModelStage => ({
  name,
  status: 'queued',
  attempt: 0,
  maxAttempts: 3,
  lapsed: false,
  committedBy: null,
  messages: 1,
  relayed: false,
});

export const newJob = (deadline: ModelJob['deadline']): ModelJob => ({
  status: 'queued',
  stage: FIRST_STAGE,
  cancelRequested: false,
  deadline,
  progress: null,
  errored: false,
  events: ['status'],
  webhooks: 0,
  stages: [stageOf(FIRST_STAGE)],
});

const isActive = (job: ModelJob): boolean => job.status === 'queued' || job.status === 'processing';
const isToBeCanceled = (job: ModelJob): boolean => job.cancelRequested || (job.status === 'processing' && job.deadline === 'past');
const isHeld = (stage: ModelStage): boolean => stage.status === 'processing' && !stage.lapsed;

function holder(job: ModelJob, { stage, attempt }: ModelFence): ModelStage | undefined {
  const held = job.stages[stage];
  return job.status === 'processing' && held?.status === 'processing' && held.attempt === attempt ? held : undefined;
}

function end(job: ModelJob, status: ModelJob['status']): true {
  job.status = status;
  job.stage = null;
  job.progress = null;
  job.events.push('completed');
  job.webhooks++;
  return true;
}

function halt(job: ModelJob): void {
  for (const stage of job.stages) {
    if (stage.status !== 'queued' && stage.status !== 'processing') continue;
    stage.status = 'canceled';
    stage.messages = 0;
  }
}

function again(job: ModelJob, stage: ModelStage): void {
  stage.status = 'queued';
  stage.messages++;
  stage.relayed = false;
  job.progress = null;
  job.events.push('status');
}

/** The attempt that was minted, or null. */
export const claim =
  (index: number): Step =>
  (job): number | null => {
    const stage = job.stages[index];
    const open = isActive(job) && !job.cancelRequested && job.deadline !== 'past';
    if (!stage || !open || stage.attempt >= stage.maxAttempts) return null;
    if (stage.status !== 'queued' && !(stage.status === 'processing' && stage.lapsed)) return null;
    Object.assign(stage, { status: 'processing', attempt: stage.attempt + 1, lapsed: false });
    if (job.status === 'processing' && stage.attempt === 1) return 1; // it was shown when the stage before it ended
    Object.assign(job, { status: 'processing', stage: stage.name, progress: null });
    job.events.push('status');
    return stage.attempt;
  };

/** Whether somebody wants it to end; null when the lease is lost. */
export const heartbeat =
  (fence: ModelFence, progress: ModelProgress | null): Step =>
  (job): boolean | null => {
    const stage = holder(job, fence);
    if (!stage) return null;
    stage.lapsed = false;
    const before = job.progress;
    const previewed = progress?.preview !== undefined && progress.preview !== before?.preview;
    if (progress !== null && (previewed || progress.step !== before?.step)) {
      job.progress = { ...before, ...progress };
      job.events.push('progress', ...(previewed ? ['preview'] : []));
    }
    return isToBeCanceled(job);
  };

/** `goesOn`: by a worker that has room for the next stage. Gives the attempt of that one, if it has begun. */
export const complete =
  (fence: ModelFence, goesOn = false): Step =>
  (job): boolean | number => {
    const stage = holder(job, fence);
    if (!stage || job.cancelRequested) return false;
    Object.assign(stage, { status: 'succeeded', committedBy: fence.attempt });
    const { next } = flow[stage.name];
    if (next === null) return end(job, 'succeeded');
    const begins = goesOn && job.deadline !== 'past';
    job.stages.push({ ...stageOf(next), ...(begins && { status: 'processing', attempt: 1, messages: 0 }) });
    Object.assign(job, { stage: next, progress: null });
    job.events.push('status');
    return begins ? 1 : true;
  };

export const fail =
  (fence: ModelFence, onlyLapsed = false): Step =>
  (job): boolean => {
    const stage = holder(job, fence);
    if (!stage || (onlyLapsed && !stage.lapsed)) return false;
    stage.status = 'failed';
    job.errored = true;
    return end(job, 'failed');
  };

export const requeue =
  (fence: ModelFence, keepsTry: boolean, onlyLapsed = false): Step =>
  (job): boolean => {
    const stage = holder(job, fence);
    if (!stage || (onlyLapsed && !stage.lapsed)) return false;
    if (keepsTry) stage.maxAttempts++;
    again(job, stage);
    return true;
  };

export const askForCancel: Step = (job): boolean => {
  if (!isActive(job) || job.cancelRequested) return false;
  job.cancelRequested = true;
  job.events.push('status');
  return true;
};

export const settle =
  (by: ModelFence | 'idle' | 'forced'): Step =>
  (job): boolean => {
    if (!isActive(job) || !isToBeCanceled(job)) return false;
    const allowed = by === 'forced' || (by === 'idle' ? !job.stages.some(isHeld) : holder(job, by) !== undefined);
    if (!allowed) return false;
    halt(job);
    Object.assign(job, { cancelRequested: true, errored: job.deadline === 'past' });
    return end(job, 'canceled');
  };

export const expire: Step = (job): boolean => {
  if (job.status !== 'queued' || job.deadline !== 'past') return false;
  halt(job);
  job.errored = true;
  return end(job, 'expired');
};

export const cancelForDeadline: Step = (job): boolean => {
  if (job.status !== 'processing' || job.deadline !== 'past' || job.cancelRequested) return false;
  job.cancelRequested = true;
  job.events.push('status');
  return true;
};

export const sendAgain =
  (index: number): Step =>
  (job): number => {
    const stage = job.stages[index];
    if (stage?.status !== 'queued' || !stage.relayed) return 0;
    stage.messages++;
    stage.relayed = false;
    return 1;
  };

export const relay: Step = (job): void => {
  for (const stage of job.stages) {
    if (stage.messages > 0 && stage.status === 'queued') stage.relayed = true;
    stage.messages = 0;
  }
};

/** Leases that ran out, deadlines, cancels: in the order of the dispatcher. */
export const reconcile: Step = (job): void => {
  for (const [index, stage] of job.stages.entries()) {
    if (stage.status !== 'processing' || !stage.lapsed || settle('idle')(job) === true) continue;
    const fence = { stage: index, attempt: stage.attempt };
    if (stage.attempt >= stage.maxAttempts) fail(fence, true)(job);
    else requeue(fence, false, true)(job);
  }
  if (isActive(job) && job.deadline === 'past' && !job.cancelRequested && expire(job) === false && cancelForDeadline(job) === true)
    settle('idle')(job);
  settle('idle')(job);
};

export const lapse =
  (index: number): Step =>
  (job): void => {
    const stage = job.stages[index];
    if (stage?.status === 'processing') stage.lapsed = true;
  };

export const passDeadline: Step = (job): void => void (job.deadline = 'past');
