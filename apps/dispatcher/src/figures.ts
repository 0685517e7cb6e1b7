/** What the dispatcher shows to Prometheus of its own work; what waits for it is read from the database by the API. */
import type { Metrics } from '@likeness/platform/telemetry';

export type Figures = ReturnType<typeof figuresOf>;

export function figuresOf(metrics: Metrics) {
  let unknown = 0;
  metrics.gauge('likeness_queue_unknown', 'Waiting in Postgres, unknown to the queue when last looked, and sent again', [], () => [
    { labels: {}, value: unknown },
  ]);
  return {
    relayed: metrics.counter('likeness_relayed_total', 'Messages that went from the outbox into a queue', ['queue']),
    webhook: metrics.histogram(
      'likeness_webhook_attempt_duration_seconds',
      'Attempts at a webhook, by what came of them',
      ['outcome'],
      [0.01, 0.05, 0.1, 0.5, 1, 5, 15],
      ['succeeded', 'pending', 'failed', 'exhausted'].map((outcome) => ({ outcome })),
    ),
    repaired: metrics.counter('likeness_repairs_total', 'What the reconciliation has put right', ['kind']),
    setUnknown: (count: number) => void (unknown = count),
  };
}
