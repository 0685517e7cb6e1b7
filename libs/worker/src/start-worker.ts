/**
 * The parent of a worker: takes jobs, renews leases, hears cancels, answers for its health. The model's work is done in the
 * inference processes of its pool, so this process's event loop stays free.
 */
import 'reflect-metadata';
import type { JobName, StageName } from '@likeness/contracts';
import { checkHandlers, flow } from '@likeness/generation';
import { openDb } from '@likeness/platform/db';
import { createEgress } from '@likeness/platform/egress';
import { checkQueue } from '@likeness/platform/queue';
import { onShutdown, startHealthServer } from '@likeness/platform/service';
import { openSignals } from '@likeness/platform/signals';
import { openSealedStore } from '@likeness/platform/storage';
import { createLogger, Metrics, startTracing, type Logger } from '@likeness/platform/telemetry';
import { Drain } from './drain.ts';
import { concurrencyOf, openLane, type Lane, type StageHandler, type WorkerParts } from './lane.ts';
import { PodDeletionCost } from './pod-deletion-cost.ts';
import type { WorkerConfig } from './worker.config.ts';

const STAGE_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900];
/** Claims and completions travel together, so that few connections carry many stages; each plans its statements for itself. */
const MAX_CONNECTIONS = 10;

/** Boots a worker of one stage, or of several side by side; the process then runs until it is told to stop. */
export async function startWorker(
  stages: readonly StageName[],
  handlers: Partial<Record<JobName, StageHandler>>,
  config: WorkerConfig,
): Promise<void> {
  checkHandlers(stages, Object.keys(handlers));
  const name = stages.length === 1 ? `${stages.map((stage) => flow[stage].queue).join()}-worker` : 'worker';
  const log = createLogger(name, config.LOG_LEVEL);
  const metrics = new Metrics(name);
  const max = Math.min(2 + 2 * stages.length * concurrencyOf(config), MAX_CONNECTIONS);
  const lanes = new Map<StageName, Lane>();
  const parts: WorkerParts = {
    config,
    log,
    db: openDb(config.DATABASE_URL, { max, name: `likeness-${name}` }),
    store: openSealedStore(config),
    signals: openSignals(config, { onError: (error) => log.debug({ err: error }, 'signals are away') }),
    egress: createEgress(config),
    tracing: await startTracing(name, config.OTEL_EXPORTER_OTLP_ENDPOINT),
    drain: new Drain(config.DRAIN_SECONDS * 1000),
    room: (stage) => lanes.get(stage)?.room(),
    podCost: podCostOf(config, log),
    observe: metrics.histogram(
      'likeness_stage_duration_seconds',
      'Attempts at a stage from the claim to the end, by what came of them',
      ['stage', 'outcome'],
      STAGE_BUCKETS,
      stages.flatMap((stage) => ['completed', 'will_retry', 'failed'].map((outcome) => ({ stage, outcome }))),
    ),
  };
  const { db, store, signals, tracing, drain } = parts;
  for (const stage of stages) lanes.set(stage, await openLane(stage, handlers[flow[stage].job]!, parts));
  const all = (step: (lane: Lane) => Promise<unknown>) => Promise.all([...lanes.values()].map(step));

  const health = await startHealthServer({
    host: config.HEALTH_HOST,
    port: config.HEALTH_PORT,
    checks: {
      database: async () => void (await db.pool.query('SELECT 1')),
      objects: () => store.check(),
      queue: () => checkQueue(config),
      models: async () => lanes.forEach(assertReady),
    },
    metrics,
  });
  log.info({ port: health.port }, 'health port is listening');
  onShutdown(log, [
    { name: 'the presence', run: () => all(({ presence }) => presence.show('draining')) },
    { name: 'the consumers', run: () => drain.run(() => all((lane) => lane.idle())), limitMs: drain.limitMs + 500 },
    { name: 'the inference processes', run: () => all(({ pool }) => pool.stop()) },
    { name: 'the queue', run: () => all((lane) => lane.close()) },
    { name: 'the signals', run: async () => (parts.podCost?.stop(), signals.close()) },
    { name: 'the health port', run: () => health.close() },
    { name: 'the traces', run: () => tracing.close() },
    { name: 'the database', run: async () => (await all(({ presence }) => presence.leave()), db.close()) },
  ]);

  await all(async ({ presence, pool }) => {
    await presence.show('starting');
    await pool.start();
    await presence.show('idle');
  });
  log.info({ pack: config.DEFAULT_PACK, slots: config.WORKER_SLOTS, concurrency: concurrencyOf(config) }, 'ready');
  await all((lane) => lane.run());
}

function podCostOf(config: WorkerConfig, log: Logger): PodDeletionCost | undefined {
  const { POD_NAME: name, POD_NAMESPACE: namespace, KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = config;
  if (name === undefined) return undefined;
  const address = host.includes(':') ? `[${host}]` : host;
  return new PodDeletionCost({ name, namespace, server: new URL(`https://${address}:${port}`) }, log);
}

function assertReady({ pool }: Lane): void {
  if (!pool.ready) throw new Error('the models are not loaded');
}
