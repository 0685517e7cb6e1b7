import { Processor, WorkerHost } from '@nestjs/bullmq';
import { Inject, type Type } from '@nestjs/common';
import { jobs } from '@likeness/contracts';
import { WORKER_OPTIONS } from '@likeness/platform/queue';
import type { Job } from 'bullmq';
import { deliverWebhook } from './deliver-webhook.ts';
import type { Parts } from './parts.ts';

export const PARTS = Symbol('the parts of the dispatcher');

/** Adapter between the queue and one attempt at a delivery. Retries belong to Postgres, so an attempt that failed is a job that is done. */
export const deliverWebhookHandler = (concurrency: number): Type<WorkerHost> => {
  @Processor('webhooks', { ...WORKER_OPTIONS, concurrency })
  class DeliverWebhookHandler extends WorkerHost {
    constructor(@Inject(PARTS) private readonly parts: Parts) {
      super();
    }

    process(job: Job): Promise<string> {
      if (job.name !== 'deliver-webhook') throw new Error(`the queue webhooks has no job ${job.name}`);
      return deliverWebhook(this.parts, jobs['deliver-webhook'].payload.parse(job.data).deliveryId);
    }
  }
  return DeliverWebhookHandler;
};
