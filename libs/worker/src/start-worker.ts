/**
 * The parent of a worker: takes jobs, renews leases, hears cancels, answers for its health. The model's work is done in the
 * inference processes of its pool, so this process's event loop stays free.
 */
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { getQueueToken, type WorkerHost } from '@nestjs/bullmq';
import { newId, type JobName, type StageId, type StageName } from '@likeness/contracts';
import { checkHandlers, flow, runStage, type StageContext } from '@likeness/generation';
import { openDb, type Db } from '@likeness/platform/db';
import { createEgress, type Egress } from '@likeness/platform/egress';
import { checkQueue } from '@likeness/platform/queue';
import { onShutdown, startHealthServer } from '@likeness/platform/service';
import { openSignals } from '@likeness/platform/signals';
import { openSealedStore, type SealedStore } from '@likeness/platform/storage';
import { createLogger, Metrics, startTracing } from '@likeness/platform/telemetry';
import type { PipelineTasks } from '@likeness/pipeline';
import type { Queue, Worker } from 'bullmq';
import { InferencePool, type Host } from './inference-pool.ts';
import { Presence } from './presence.ts';
import type { WorkerConfig } from './worker.config.ts';
import { CONSUMER, WorkerModule, type JobHandler } from './worker.module.ts';

/** What a handler works with: the stage, the outside world, and the models. */
export interface HandlerContext extends StageContext {
  readonly db: Db;
  readonly store: SealedStore;
  readonly egress: Egress;
  /** Runs a task of the inference process with this stage's pack; its time counts as the stage's, its steps are the stage's progress. */
  infer<T extends keyof PipelineTasks>(
    task: T,
    payload: Omit<Parameters<PipelineTasks[T]>[0], 'pack'>,
  ): Promise<Awaited<ReturnType<PipelineTasks[T]>>>;
}

export type StageHandler = (context: HandlerContext) => Promise<void>;

/** How long stages may go on after SIGTERM before they are handed back for another worker. */
const DRAIN_MS = 6_000;

const STAGE_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900];

/** Boots the worker of a stage; the process then runs until it is told to stop. */
export async function startWorker(stage: StageName, handlers: Partial<Record<JobName, StageHandler>>, config: WorkerConfig): Promise<void> {
  const { queue } = flow[stage];
  checkHandlers(queue, Object.keys(handlers));
  const log = createLogger(`${queue}-worker`, config.LOG_LEVEL);
  const workerId = newId('worker');
  const db = openDb(config.DATABASE_URL, { max: 2 + 2 * config.WORKER_SLOTS, name: `likeness-${queue}-worker` });
  const store = openSealedStore(config);
  const signals = openSignals(config, { onError: (error) => log.debug({ err: error }, 'signals are away') });
  const egress = createEgress(config);
  const pool = new InferencePool(config, stage, queue, log);
  const presence = new Presence(db, log, { id: workerId, class: queue, slots: config.WORKER_SLOTS });
  const metrics = new Metrics(`${queue}-worker`);
  const tracing = await startTracing(`${queue}-worker`, config.OTEL_EXPORTER_OTLP_ENDPOINT);
  const observe = metrics.histogram(
    'likeness_stage_duration_seconds',
    'Attempts at a stage from the claim to the end, by what came of them',
    ['stage', 'outcome'],
    STAGE_BUCKETS,
  );
  const shutdown = new AbortController();
  let busy = 0;

  const handle: JobHandler = async (job, { stageId }) => {
    const handler = handlers[job];
    if (!handler) throw new Error(`no handler for ${job}`);
    if (busy++ === 0) void presence.show('busy');
    const started = performance.now();
    try {
      const outcome = await pool.borrow((host) =>
        runStage(
          { db, store, signals, log, workerId },
          stageId as StageId,
          (context) =>
            tracing.span(`stage ${context.stage.name}`, spanOf(context), () =>
              handler({ ...context, db, store, egress, infer: inferWith(host, context, config) }),
            ),
          shutdown.signal,
        ),
      );
      observe({ stage, outcome }, (performance.now() - started) / 1000);
      return outcome;
    } finally {
      if (--busy === 0 && !shutdown.signal.aborted) void presence.show('idle');
    }
  };

  const app = await NestFactory.createApplicationContext(WorkerModule.with(queue, config, handle), { logger: false, abortOnError: false });
  const consumer = app.get<WorkerHost>(CONSUMER).worker;
  // Both have connections of their own; an error that nobody listens for is printed as it is, and would not be a line of the log.
  const onQueueError = (error: Error) => log.warn({ err: error }, 'the queue is away');
  consumer.on('error', onQueueError);
  app.get<Queue>(getQueueToken(queue)).on('error', onQueueError);
  const health = await startHealthServer({
    host: config.HEALTH_HOST,
    port: config.HEALTH_PORT,
    checks: {
      database: async () => void (await db.pool.query('SELECT 1')),
      objects: () => store.check(),
      queue: () => checkQueue(config),
      models: async () => assertReady(pool),
    },
    metrics,
  });
  log.info({ port: health.port, worker: workerId }, 'health port is listening');
  onShutdown(log, [
    { name: 'the presence', run: () => presence.show('draining') },
    { name: 'the consumer', run: () => drain(consumer, shutdown), limitMs: DRAIN_MS + 2_500 },
    { name: 'the inference processes', run: () => pool.stop() },
    { name: 'the queue', run: () => app.close() },
    { name: 'the signals', run: () => signals.close() },
    { name: 'the health port', run: () => health.close() },
    { name: 'the traces', run: () => tracing.close() },
    { name: 'the database', run: async () => (await presence.leave(), db.close()) },
  ]);

  await presence.show('starting');
  await pool.start();
  await presence.show('idle');
  log.info({ pack: config.DEFAULT_PACK, slots: config.WORKER_SLOTS }, 'ready');
  await consumer.run();
}

/** Waits for the stages at work; hands back those that take too long. */
async function drain(consumer: Worker, shutdown: AbortController): Promise<void> {
  const timer = setTimeout(() => shutdown.abort(), DRAIN_MS);
  await consumer.close();
  clearTimeout(timer);
}

const spanOf = ({ stage }: StageContext) => ({
  kind: 'consumer' as const,
  parent: stage.traceparent,
  attributes: { generation_id: stage.generation_id, stage: stage.name, attempt: stage.attempt, pack: stage.pack.name },
});

function assertReady(pool: InferencePool): void {
  if (!pool.ready) throw new Error('the models are not loaded');
}

const inferWith =
  (host: Host, { stage, signal, progress, measured }: StageContext, config: WorkerConfig): HandlerContext['infer'] =>
  (task, payload) =>
    measured(
      () =>
        host.run(task, { pack: stage.pack.name, ...payload } as never, {
          model: stage.pack.name,
          signal,
          onProgress: ({ step, total }) => progress({ step, total }),
          timeoutMs: config.STAGE_TIMEOUT_SECONDS * 1000,
        }) as Promise<never>,
    );
