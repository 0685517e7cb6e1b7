import { Controller, Get, HttpCode, Inject, Post, Query, Req } from '@nestjs/common';
import { GetUsage, LikenessError, type Estimate, type Limits, type Usage } from '@likeness/contracts';
import type { FastifyRequest } from 'fastify';
import { estimateGeneration } from '../generations/estimate-generation.ts';
import { readCreateRequest } from '../generations/read-create-request.ts';
import { contract } from '../http/contract.ts';
import { principalOf } from '../http/edge.ts';
import { Policy } from '../http/policy.ts';
import { PARTS, type Parts } from '../parts.ts';
import { readLimits, readUsage } from './usage.store.ts';

@Controller('v1')
export class UsageController {
  constructor(@Inject(PARTS) private readonly parts: Parts) {}

  /** Judged like a real one, and nothing is made. */
  @Post('generations/estimate')
  @HttpCode(200)
  @Policy({ access: 'generations:write', consumes: ['application/json', 'multipart/form-data'] })
  async estimate(@Req() request: FastifyRequest): Promise<Estimate> {
    return estimateGeneration(this.parts, principalOf(request), await readCreateRequest(request));
  }

  @Get('usage')
  @Policy({ access: 'generations:read' })
  usage(@Query(contract(GetUsage, 'query')) query: GetUsage, @Req() request: FastifyRequest): Promise<Usage> {
    return readUsage(this.parts.db, principalOf(request).tenantId, query);
  }

  @Get('limits')
  @Policy({ access: 'generations:read' })
  async limits(@Req() request: FastifyRequest): Promise<Limits> {
    const limits = await readLimits(this.parts.db, principalOf(request).tenantId);
    if (!limits) throw new LikenessError('unauthenticated', 'The tenant of the API key is gone.');
    return limits;
  }
}
