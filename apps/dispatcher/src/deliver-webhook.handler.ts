import { OnWorkerEvent, Processor, WorkerHost } from '@nestjs/bullmq';
import { Inject, type Type } from '@nestjs/common';
import { WORKER_OPTIONS } from '@likeness/platform/queue';
import type { Job } from 'bullmq';
import type { Parts } from './parts.ts';
import { isWebhookJob, webhookJobs } from './webhook-jobs.ts';

export const PARTS = Symbol('the parts of the dispatcher');

/** Adapter between the queue and one attempt at a delivery. Retries belong to Postgres, so an attempt that failed is a job that is done. */
export const deliverWebhookHandler = (concurrency: number): Type<WorkerHost> => {
  @Processor('webhooks', { ...WORKER_OPTIONS, concurrency })
  class DeliverWebhookHandler extends WorkerHost {
    constructor(@Inject(PARTS) private readonly parts: Parts) {
      super();
    }

    process({ name, data }: Job): Promise<string> {
      if (!isWebhookJob(name)) throw new Error(`the queue webhooks has no job ${name}`);
      return webhookJobs[name](this.parts, data);
    }

    /** Only an outage gets here; the delivery's lease runs out and it is sent again. */
    @OnWorkerEvent('failed')
    failed(job: Job | undefined, error: Error): void {
      this.parts.log.warn({ err: error, job: job?.id }, 'a job of the queue webhooks failed');
    }

    @OnWorkerEvent('error')
    error(error: Error): void {
      this.parts.log.warn({ err: error }, 'the queue is away');
    }
  }
  return DeliverWebhookHandler;
};
