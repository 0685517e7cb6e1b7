/** The queue that the dispatcher owns: one function per job. */
import { jobs, type JobName } from '@likeness/contracts';
import { deliverWebhook } from './deliver-webhook.ts';
import type { Parts } from './parts.ts';

type WebhookJobName = { [N in JobName]: (typeof jobs)[N]['queue'] extends 'webhooks' ? N : never }[JobName];
type JobWork = (parts: Parts, data: unknown) => Promise<string>;

/** The type asks for every job of the contracts, and for no other. */
export const webhookJobs: Readonly<Record<WebhookJobName, JobWork>> = {
  'deliver-webhook': (parts, data) => deliverWebhook(parts, jobs['deliver-webhook'].payload.parse(data).deliveryId),
};

export const isWebhookJob = (name: string): name is WebhookJobName => Object.hasOwn(webhookJobs, name);

/** A contract without exactly one handler stops the boot: messages would be dropped. The build may be older than the contracts. */
export function checkWebhookJobs(handled: readonly string[] = Object.keys(webhookJobs)): void {
  const wanted = Object.entries(jobs).flatMap(([name, { queue }]) => (queue === 'webhooks' ? [name] : []));
  const wrong = [
    ...wanted.filter((name) => handled.filter((other) => other === name).length !== 1),
    ...handled.filter((name) => !wanted.includes(name)),
  ];
  if (wrong.length > 0) throw new Error(`the queue webhooks needs exactly one handler for each of its jobs; wrong: ${wrong.join(', ')}`);
}
