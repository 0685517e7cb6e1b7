import { Controller, Get, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import {
  GetGeneration,
  isId,
  isTerminal,
  ListGenerations,
  type Generation,
  type GenerationId,
  type GenerationList,
} from '@likeness/contracts';
import { requestCancel } from '@likeness/generation';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Principal } from '../http/api-keys.ts';
import { contract } from '../http/contract.ts';
import { decodeCursor, pageOf } from '../http/cursor.ts';
import { principalOf } from '../http/edge.ts';
import { matchesETag } from '../http/etag.ts';
import { idempotentRequest } from '../http/idempotency.ts';
import { Policy } from '../http/policy.ts';
import { PARTS, type Parts } from '../parts.ts';
import { createGeneration } from './create-generation.ts';
import { knownGeneration, listGenerations, type GenerationView } from './generations.store.ts';
import { hungUp } from './hung-up.ts';
import { preferredWait } from './prefer.ts';
import { generationUrl, presentGeneration } from './present-generation.ts';
import { readCreateRequest } from './read-create-request.ts';
import { retryGeneration } from './retry-generation.ts';

@Controller('v1/generations')
export class GenerationsController {
  constructor(@Inject(PARTS) private readonly parts: Parts) {}

  /** Step 1 of the journey. The job exists from the answer on; the dispatcher takes it from the outbox. */
  @Post()
  @Policy({ access: 'generations:write', consumes: ['application/json', 'multipart/form-data'] })
  async create(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<Generation> {
    const principal = principalOf(request);
    const wanted = await readCreateRequest(request);
    const idempotent = idempotentRequest(request.headers['idempotency-key'], 'POST /v1/generations', ...wanted.identity);
    const { made, replayed } = await this.parts.idempotency.once(
      principal.tenantId,
      idempotent,
      () => createGeneration(this.parts, principal, wanted, idempotent),
      ({ resource_id }) => (isId('generation', resource_id) ? resource_id : null),
    );
    this.announce(reply, made, replayed);
    const wait = replayed ? undefined : preferredWait(request.headers.prefer);
    const ended = wait === undefined ? undefined : await this.waitForEnd(principal, made, wait, reply);
    return this.present(ended ?? (await this.find(principal, made)));
  }

  /** The same input once more, as a generation of its own. */
  @Post(':id/retry')
  @Policy({ access: 'generations:write' })
  async retry(
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Generation> {
    const principal = principalOf(request);
    const idempotent = idempotentRequest(request.headers['idempotency-key'], `POST /v1/generations/${id}/retry`);
    const { made, replayed } = await this.parts.idempotency.once(
      principal.tenantId,
      idempotent,
      () => retryGeneration(this.parts, principal, id, idempotent),
      ({ resource_id }) => (isId('generation', resource_id) ? resource_id : null),
    );
    this.announce(reply, made, replayed);
    return this.present(await this.find(principal, made));
  }

  @Get(':id')
  @Policy({ access: 'generations:read' })
  async get(
    @Param('id') id: string,
    @Query(contract(GetGeneration, 'query')) { wait }: z.infer<typeof GetGeneration>,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Generation | undefined> {
    const principal = principalOf(request);
    const known = request.headers['if-none-match'];
    const first = await this.find(principal, id);
    // Whoever has another state than this one has missed a change already.
    const waits = wait !== undefined && !isTerminal(first.status) && (known === undefined || matchesETag(known, `${first.sequence}`));
    const changed = waits ? await this.wait(principal, first.id, wait, reply, (view) => view.sequence > first.sequence) : undefined;
    const view = changed ?? first;
    reply.header('etag', `"${view.sequence}"`).header('cache-control', 'private, no-cache');
    if (matchesETag(known, `${view.sequence}`)) return void reply.status(304);
    return this.present(view);
  }

  @Get()
  @Policy({ access: 'generations:read' })
  async list(
    @Query(contract(ListGenerations, 'query')) query: z.infer<typeof ListGenerations>,
    @Req() request: FastifyRequest,
  ): Promise<GenerationList> {
    const { status, created_after, cursor, limit } = query;
    const views = await listGenerations(this.parts.db, principalOf(request).tenantId, {
      status,
      createdAfter: created_after === undefined ? undefined : new Date(created_after),
      before: cursor === undefined ? undefined : decodeCursor('generation', cursor),
      limit: limit + 1, // one more shows whether there is a next page
    });
    return pageOf(views, limit, (view) => this.present(view));
  }

  /** Never a conflict: what has ended stays as it is. */
  @Post(':id/cancel')
  @Policy({ access: 'generations:write' })
  async cancel(
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Generation> {
    const principal = principalOf(request);
    const { id: generationId } = await this.find(principal, id);
    await requestCancel(this.parts.db, principal.tenantId, generationId);
    this.parts.signals.publish('cancel', id); // the fast way to the worker; its heartbeat is the sure one
    const view = await this.find(principal, id);
    reply.status(isTerminal(view.status) ? 200 : 202);
    return this.present(view);
  }

  /** 202 with the place of what was made, or the status that it was answered with before. */
  private announce(reply: FastifyReply, made: GenerationId, replayed: number | undefined): void {
    reply.status(replayed ?? 202).header('location', generationUrl(this.parts.config.PUBLIC_URL, made));
    if (replayed) reply.header('idempotent-replayed', 'true');
  }

  private find({ tenantId }: Principal, id: string): Promise<GenerationView> {
    return knownGeneration(this.parts.db, tenantId, id);
  }

  /** 200 with the end of the generation, or 202 with what it has come to when the time is over. */
  private async waitForEnd(
    principal: Principal,
    id: GenerationId,
    seconds: number,
    reply: FastifyReply,
  ): Promise<GenerationView | undefined> {
    reply.header('preference-applied', `wait=${seconds}`);
    const ended = await this.wait(principal, id, seconds, reply, ({ status }) => isTerminal(status));
    if (ended) reply.status(200);
    else reply.header('retry-after', '1');
    return ended;
  }

  /** The first state that is wanted; undefined when the time is over. */
  private wait(
    principal: Principal,
    id: GenerationId,
    seconds: number,
    reply: FastifyReply,
    wanted: (view: GenerationView) => boolean,
  ): Promise<GenerationView | undefined> {
    const look = { name: `generation ${id}`, look: () => this.find(principal, id) };
    return this.parts.changes.wait({ id, milliseconds: seconds * 1000, signal: hungUp(reply), ...look, wanted });
  }

  private async present(view: GenerationView): Promise<Generation> {
    return presentGeneration(view, this.parts, view.position === null ? 0 : await this.parts.pace());
  }
}
