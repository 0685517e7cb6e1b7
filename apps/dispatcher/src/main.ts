/** Everything that leaves Postgres: messages to the queue, webhooks to customers, repairs, and what has served its time. */
import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { getQueueToken } from '@nestjs/bullmq';
import { NestFactory } from '@nestjs/core';
import { QUEUES, type QueueName } from '@likeness/contracts';
import { completeBatches, REMOVAL_CHANNEL } from '@likeness/generation';
import { listen, openDb } from '@likeness/platform/db';
import { createEgress } from '@likeness/platform/egress';
import { checkQueue, openQueue } from '@likeness/platform/queue';
import { onShutdown, startHealthServer } from '@likeness/platform/service';
import { openObjectStore } from '@likeness/platform/storage';
import { createLogger, Metrics, startTracing } from '@likeness/platform/telemetry';
import type { Queue } from 'bullmq';
import { linksOf, readDispatcherConfig } from './dispatcher.config.ts';
import { DispatcherModule } from './dispatcher.module.ts';
import { figuresOf } from './figures.ts';
import { Loop } from './loop.ts';
import { reconcile } from './reconcile.ts';
import { keepTenants } from './keep-tenants.ts';
import { BATCH, millisecondsToNext, relayOutbox } from './relay-outbox.ts';
import { removeData } from './remove-data.ts';
import { sweepOrphans, sweepRetention } from './sweep-retention.ts';
import { showServers } from './server-figures.ts';
import type { Parts } from './parts.ts';

const BATCHES_PAUSE_MS = 50;

const config = readDispatcherConfig();
const log = createLogger('dispatcher', config.LOG_LEVEL);
const db = openDb(config.DATABASE_URL, { max: 8 + Math.ceil(config.WEBHOOK_CONCURRENCY / 4), name: 'likeness-dispatcher' });
const store = openObjectStore(config.OBJECT_STORE_URL);
const egress = createEgress(config);
const onError = (error: Error) => log.debug({ err: error }, 'the queue is away');
const queues = Object.fromEntries(QUEUES.map((name) => [name, openQueue(name, config, { onError })])) as Record<QueueName, Queue>;
const metrics = new Metrics('dispatcher');
const tracing = await startTracing('dispatcher', config.OTEL_EXPORTER_OTLP_ENDPOINT);
const parts: Parts = { config, log, db, store, egress, links: linksOf(config), queues, tracing, figures: figuresOf(metrics) };
showServers(metrics, db, config);

const app = await NestFactory.createApplicationContext(DispatcherModule.with(parts), { logger: false, abortOnError: false });
app.get<Queue>(getQueueToken('webhooks')).on('error', onError); // Nest's own, beside ours; an error that nobody listens for is printed as it is
const full = new Set<QueueName>();
const relay = new Loop('the relay', log, 1_000, async () => ((await relayOutbox(parts, full)) === BATCH ? 0 : millisecondsToNext(db)));
/** A claim makes room, which matters only where something waits for it. */
const onClaimed = (queue: string) => full.has(queue as QueueName) && relay.ring();
/** Batches end with many others of their own; one look is enough for what ends in the same moment. */
const batches = new Loop('the batches', log, 5_000, () =>
  sleep(BATCHES_PAUSE_MS)
    .then(() => completeBatches(db))
    .then(() => undefined),
);
const tenants = new Loop('the keeping of tenants', log, 10_000, () => keepTenants(parts));
const removal = new Loop('the removal', log, 5_000, () => removeData(parts));
const heard = { outbox: relay.ring, claimed: onClaimed, batch: batches.ring, tenant: tenants.ring, [REMOVAL_CHANNEL]: removal.ring };
const notifications = listen(config.DATABASE_URL, heard, { onReconnected: () => (relay.ring(), removal.ring()) });
const repairs = new Loop('the reconciliation', log, config.RECONCILE_SECONDS * 1_000, () => reconcile(parts));
const sweeps = new Loop('the sweep', log, 60_000, () => sweepRetention(parts));
const orphans = new Loop('the sweep of orphans', log, 3_600_000, () => sweepOrphans(parts));
const health = await startHealthServer({
  host: config.HEALTH_HOST,
  port: config.HEALTH_PORT,
  checks: { database: async () => void (await db.pool.query('SELECT 1')), queue: () => checkQueue(config) },
  metrics,
});
log.info({ port: health.port }, 'health port is listening');

// At most 10 s. Webhooks that are still under way then end with the process: their leases run out, and they are sent again.
onShutdown(log, [
  {
    name: 'the loops',
    run: () => Promise.all([relay.stop(), batches.stop(), removal.stop(), repairs.stop(), sweeps.stop(), orphans.stop(), tenants.stop()]),
    limitMs: 2_000,
  },
  { name: 'the notifications', run: () => notifications.close(), limitMs: 500 },
  { name: 'the webhooks', run: () => app.close(), limitMs: 4_500 },
  { name: 'the queues', run: () => Promise.all(Object.values(queues).map((queue) => queue.close())), limitMs: 1_500 },
  { name: 'the health port', run: () => health.close(), limitMs: 500 },
  { name: 'the traces', run: () => tracing.close(), limitMs: 500 },
  { name: 'the database', run: () => db.close(), limitMs: 1_000 },
]);
