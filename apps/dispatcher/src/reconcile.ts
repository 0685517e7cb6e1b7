/** What may have gone wrong since the last look, put right. One dispatcher at a time; several are safe. */
import type { QueueName } from '@likeness/contracts';
import { reconcileCancels, reconcileDeadlines, reconcileLeases, reconcileUnknown } from '@likeness/generation';
import { tryAdvisoryLock } from '@likeness/platform/db';
import { reconcileDeliveries } from './deliver-webhook.ts';
import type { Parts } from './parts.ts';

/** States of a queue's job in which a consumer will still get it. */
const LIVE = new Set(['waiting', 'prioritized', 'delayed', 'active', 'paused', 'waiting-children']);

export async function reconcile({ db, queues, log }: Parts): Promise<void> {
  const knows = async (queue: string, jobId: string) => LIVE.has(String(await queues[queue as QueueName].getJobState(jobId)));
  await tryAdvisoryLock(db, 'likeness.reconcile', async () => {
    const repaired = {
      leases: await reconcileLeases(db),
      deadlines: await reconcileDeadlines(db),
      cancels: await reconcileCancels(db),
      deliveries: await reconcileDeliveries(db),
      unknown: await reconcileUnknown(db, knows),
    };
    if (Object.values(repaired).some((count) => count > 0)) log.info(repaired, 'reconciled');
  });
}
