import { Controller, Delete, Inject, Param, Req, Res } from '@nestjs/common';
import { isId, LikenessError, type Generation } from '@likeness/contracts';
import { requestRemoval } from '@likeness/generation';
import { sql } from '@likeness/platform/db';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { principalOf } from '../http/edge.ts';
import { Policy } from '../http/policy.ts';
import { PARTS, type Parts } from '../parts.ts';
import { findGeneration } from './generations.store.ts';
import { presentGeneration } from './present-generation.ts';

@Controller('v1/generations')
export class RemoveGenerationController {
  constructor(@Inject(PARTS) private readonly parts: Parts) {}

  /** Ends the generation if need be, then its data goes: 202 until it has gone, 204 from then on. */
  @Delete(':id')
  @Policy({ access: 'generations:write' })
  async remove(
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Generation | undefined> {
    const { tenantId } = principalOf(request);
    const find = () => (isId('generation', id) ? findGeneration(this.parts.db, tenantId, id) : null);
    const before = await find();
    if (!before) throw new LikenessError('not_found', `There is no generation ${id}.`);
    const asked = await requestRemoval(this.parts.db, sql`id = ${id} AND tenant_id = ${tenantId}`);
    if (before.data_removed) return void reply.status(204);
    if (asked.some(({ active }) => active)) this.parts.signals.publish('cancel', id);
    reply.status(202);
    return presentGeneration((await find()) ?? before, this.parts, 0);
  }
}
