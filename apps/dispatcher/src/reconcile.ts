/** What may have gone wrong since the last look, put right. One dispatcher at a time; several are safe. */
import type { QueueName } from '@likeness/contracts';
import { reconcileCancels, reconcileDeadlines, reconcileLeases, reconcileUnknown } from '@likeness/generation';
import { tryAdvisoryLock } from '@likeness/platform/db';
import { reconcileLostAttempts, reconcileUnknownDeliveries } from './reconcile-deliveries.ts';
import type { Parts } from './parts.ts';

/** States of a queue's job in which a consumer will still get it. */
const LIVE = new Set(['waiting', 'prioritized', 'delayed', 'active', 'paused', 'waiting-children']);

/** @throws when the database or the queue is away; what can be put right without the queue was put right before. */
export async function reconcile({ db, queues, log, figures }: Pick<Parts, 'db' | 'queues' | 'log' | 'figures'>): Promise<void> {
  const knows = async (queue: QueueName, jobId: string) => LIVE.has(String(await queues[queue].getJobState(jobId)));
  const report = (repaired: Record<string, number>) => {
    if (Object.values(repaired).some((count) => count > 0)) log.info(repaired, 'reconciled');
    for (const [kind, count] of Object.entries(repaired)) figures.repaired({ kind }, count);
  };
  await tryAdvisoryLock(db, 'likeness.reconcile', async () => {
    report({
      leases: await reconcileLeases(db),
      deadlines: await reconcileDeadlines(db),
      cancels: await reconcileCancels(db),
      attempts: await reconcileLostAttempts(db),
    });
    const stages_unknown = await reconcileUnknown(db, (queue, jobId) => knows(queue as QueueName, jobId));
    figures.setUnknown(stages_unknown);
    report({
      stages_unknown,
      deliveries_unknown: await reconcileUnknownDeliveries(db, {
        knows: (jobId) => knows('webhooks', jobId),
        forget: (jobId) => queues.webhooks.remove(jobId),
      }),
    });
  });
}
