import { BullModule } from '@nestjs/bullmq';
import { Module, type DynamicModule } from '@nestjs/common';
import { queueOptions } from '@likeness/platform/queue';
import { deliverWebhookHandler, PARTS } from './deliver-webhook.handler.ts';
import type { Parts } from './parts.ts';
import { checkWebhookJobs } from './webhook-jobs.ts';

@Module({})
export class DispatcherModule {
  static with(parts: Parts): DynamicModule {
    checkWebhookJobs();
    return {
      module: DispatcherModule,
      imports: [BullModule.forRoot(queueOptions(parts.config)), BullModule.registerQueue({ name: 'webhooks' })],
      providers: [{ provide: PARTS, useValue: parts }, deliverWebhookHandler(parts.config.WEBHOOK_CONCURRENCY)],
    };
  }
}
