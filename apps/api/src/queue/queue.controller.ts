import { Controller, Get, Inject } from '@nestjs/common';
import type { QueueState } from '@likeness/contracts';
import { Policy } from '../http/policy.ts';
import { PARTS, type Parts } from '../parts.ts';
import { readQueueState } from './queue-state.ts';

@Controller('v1/queue')
export class QueueController {
  constructor(@Inject(PARTS) private readonly parts: Parts) {}

  /** Demand and slots of each worker class, as the autoscaler reads them. */
  @Get()
  @Policy({ access: 'local' })
  read(): Promise<QueueState> {
    return readQueueState(this.parts.db);
  }
}
