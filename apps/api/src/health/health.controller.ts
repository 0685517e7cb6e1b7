import { Controller, Get, Inject, Res } from '@nestjs/common';
import { LikenessError } from '@likeness/contracts';
import type { FastifyReply } from 'fastify';
import { Policy } from '../http/policy.ts';
import { PARTS, type Parts } from '../parts.ts';
import { notReady } from './readiness.ts';

@Controller()
export class HealthController {
  constructor(@Inject(PARTS) private readonly parts: Parts) {}

  /** The process lives. */
  @Get('healthz')
  @Policy({ access: 'public' })
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** Requests can be served: database and object store answer. The queue is not asked, because accepting a job does not need it. */
  @Get('readyz')
  @Policy({ access: 'public' })
  async ready(): Promise<{ status: 'ok' }> {
    const reasons = await notReady(this.parts);
    if (reasons.length > 0) throw new LikenessError('unavailable', reasons.join(' '), { retryAfter: 2 });
    return { status: 'ok' };
  }

  @Get('metrics')
  @Policy({ access: 'local', produces: 'text/plain' })
  metrics(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    reply.type(this.parts.metrics.contentType);
    return this.parts.metrics.text();
  }
}
