/** The queue as Prometheus sees it, read from the database at every scrape. */
import { QUEUES } from '@likeness/contracts';
import { many, sql, type Db } from '@likeness/platform/db';
import { onceASecond, type Metrics } from '@likeness/platform/telemetry';
import { z } from 'zod';
import { readQueueState } from './queue-state.ts';

const OutboxRow = z.object({ queue: z.string(), messages: z.number(), lag_seconds: z.number() });

/** Every replica of the API shows the same figures: take the maximum over them, not the sum. */
export function showQueue(metrics: Metrics, db: Db): void {
  const state = onceASecond(() => readQueueState(db));
  const show = (name: string, help: string, field: 'demand' | 'queued' | 'processing' | 'slots' | 'oldest_seconds') =>
    metrics.gauge(name, help, ['class'], async () =>
      Object.entries(await state()).map(([name, figures]) => ({ labels: { class: name }, value: figures[field] })),
    );
  show('likeness_queue_demand', 'Stages of a worker class that wait or are at work', 'demand');
  show('likeness_queue_queued', 'Stages of a worker class that wait', 'queued');
  show('likeness_queue_processing', 'Stages of a worker class that are at work', 'processing');
  show('likeness_queue_slots', 'Stages that the live workers of a class can do at once', 'slots');
  show('likeness_queue_oldest_seconds', 'How long the oldest waiting stage of a worker class has waited', 'oldest_seconds');

  const outbox = onceASecond(() => readOutbox(db));
  metrics.gauge('likeness_outbox_messages', 'Messages that wait for the relay', ['queue'], async () =>
    (await outbox()).map(({ queue, messages }) => ({ labels: { queue }, value: messages })),
  );
  metrics.gauge('likeness_outbox_lag_seconds', 'How long the oldest due message has waited for the relay', ['queue'], async () =>
    (await outbox()).map(({ queue, lag_seconds }) => ({ labels: { queue }, value: lag_seconds })),
  );
}

/** A queue without any message has its zeros too: an alert can tell them from figures that are missing. */
const readOutbox = (db: Db): Promise<z.infer<typeof OutboxRow>[]> =>
  many(
    db,
    OutboxRow,
    sql`SELECT queue, count(available_at)::int AS messages,
               coalesce(extract(epoch FROM now() - min(available_at) FILTER (WHERE available_at <= now())), 0)::float8 AS lag_seconds
          FROM unnest(${[...QUEUES]}::text[]) AS queue LEFT JOIN outbox USING (queue) GROUP BY queue`,
  );
