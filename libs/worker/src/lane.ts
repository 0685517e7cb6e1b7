/** One stage in a worker: its consumer, its place among the workers, its inference processes. */
import { NestFactory } from '@nestjs/core';
import { getQueueToken, type WorkerHost } from '@nestjs/bullmq';
import { newId, type StageId, type StageName } from '@likeness/contracts';
import { flow, runClaimed, runStage, type ClaimedStage, type Room, type StageContext, type StageOutcome } from '@likeness/generation';
import type { Db } from '@likeness/platform/db';
import type { Egress } from '@likeness/platform/egress';
import type { Signals } from '@likeness/platform/signals';
import type { SealedStore } from '@likeness/platform/storage';
import type { Logger, Tracing } from '@likeness/platform/telemetry';
import type { Queue } from 'bullmq';
import type { Drain } from './drain.ts';
import { inferWith, type Infer } from './infer.ts';
import { InferencePool } from './inference-pool.ts';
import type { PodDeletionCost } from './pod-deletion-cost.ts';
import { Presence } from './presence.ts';
import type { WorkerConfig } from './worker.config.ts';
import { CONSUMER, WorkerModule, type JobHandler } from './worker.module.ts';

/** What a handler works with: the stage, the outside world, and the models. */
export interface HandlerContext extends StageContext {
  readonly db: Db;
  readonly store: SealedStore;
  readonly egress: Egress;
  readonly infer: Infer;
}

export type StageHandler = (context: HandlerContext) => Promise<void>;

/** What the lanes of a worker share. */
export interface WorkerParts {
  readonly config: WorkerConfig;
  readonly log: Logger;
  readonly db: Db;
  readonly store: SealedStore;
  readonly signals: Signals;
  readonly egress: Egress;
  readonly tracing: Tracing;
  readonly drain: Drain;
  /** The lanes of this process, whose stages may follow each other without a message. */
  readonly room: (stage: StageName) => Room | undefined;
  readonly podCost: PodDeletionCost | undefined;
  readonly observe: (labels: { stage: StageName; outcome: StageOutcome }, seconds: number) => void;
}

export interface Lane {
  readonly presence: Presence;
  readonly pool: InferencePool;
  /** Takes jobs until the lane is idled. */
  run(): Promise<void>;
  /** Takes no more jobs; resolves when none is at work. */
  idle(): Promise<void>;
  /** A place for a stage that this process has claimed itself; none when all slots are taken. */
  room(): Room | undefined;
  close(): Promise<void>;
}

export async function openLane(stage: StageName, handler: StageHandler, parts: WorkerParts): Promise<Lane> {
  const { config, log, drain, observe, podCost } = parts;
  const { queue } = flow[stage];
  const workerId = newId('worker');
  const pool = new InferencePool(config, stage, queue, log);
  const presence = new Presence(parts.db, log, { id: workerId, class: queue, slots: concurrencyOf(config) });
  const work = (context: StageContext) =>
    parts.tracing.span(`stage ${stage}`, spanOf(context), () =>
      handler({ ...context, db: parts.db, store: parts.store, egress: parts.egress, infer: inferWith(pool, drain, context, config) }),
    );
  const stageParts = { ...parts, workerId };
  /** One for each stage that is at work, and for each place that is kept. */
  const places = new Set<Promise<void>>();

  const take = (): (() => void) => {
    if (places.size === 0) void presence.show('busy');
    const { promise, resolve } = Promise.withResolvers<void>();
    places.add(promise);
    podCost?.change(1);
    return () => {
      places.delete(promise);
      podCost?.change(-1);
      resolve();
      if (places.size === 0 && !drain.begun.aborted) void presence.show('idle');
    };
  };
  const timed = async (leave: () => void, run: () => Promise<StageOutcome>): Promise<StageOutcome> => {
    const started = performance.now();
    try {
      const outcome = await run();
      observe({ stage, outcome }, (performance.now() - started) / 1000);
      return outcome;
    } finally {
      leave();
    }
  };
  const handle: JobHandler = (_job, { stageId }) => timed(take(), () => runStage(stageParts, stageId as StageId, work, drain.stop));
  const room = (): Room | undefined => {
    if (drain.begun.aborted || places.size >= concurrencyOf(config)) return undefined;
    const leave = take();
    const run = (claimed: ClaimedStage) =>
      void timed(leave, () => runClaimed(stageParts, claimed, work, drain.stop)).catch((error: unknown) =>
        log.warn({ err: error, generation: claimed.generation_id, stage }, 'a stage is left to its lease'),
      );
    return { workerId, run, leave };
  };
  const idle = async () => {
    await consumer.close();
    while (places.size > 0) await Promise.all(places);
  };

  const module = WorkerModule.with(queue, config, concurrencyOf(config), handle);
  const app = await NestFactory.createApplicationContext(module, { logger: false, abortOnError: false });
  const consumer = app.get<WorkerHost>(CONSUMER).worker;
  // Both have connections of their own; an error that nobody listens for is printed as it is, and would not be a line of the log.
  const onQueueError = (error: Error) => log.warn({ err: error }, 'the queue is away');
  consumer.on('error', onQueueError);
  app.get<Queue>(getQueueToken(queue)).on('error', onQueueError);
  log.info({ worker: workerId, class: queue }, 'took its place');
  return { presence, pool, run: () => consumer.run(), idle, room, close: () => app.close() };
}

export const concurrencyOf = ({ WORKER_SLOTS, WORKER_CONCURRENCY }: WorkerConfig): number => Math.max(WORKER_SLOTS, WORKER_CONCURRENCY);

const spanOf = ({ stage }: StageContext) => ({
  kind: 'consumer' as const,
  parent: stage.traceparent,
  attributes: { generation_id: stage.generation_id, stage: stage.name, attempt: stage.attempt, pack: stage.pack.name },
});
