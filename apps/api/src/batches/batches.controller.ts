import { Controller, Get, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { CreateBatch, ListBatches, type Batch, type BatchItemList, type BatchList } from '@likeness/contracts';
import { cancelBatch } from '@likeness/generation';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { contract, parseContract } from '../http/contract.ts';
import { decodeCursor, decodePlace, encodePlace, pageOf } from '../http/cursor.ts';
import { principalOf } from '../http/edge.ts';
import { idempotentRequest } from '../http/idempotency.ts';
import { Policy } from '../http/policy.ts';
import { PARTS, type Parts } from '../parts.ts';
import { findBatch, knownBatch, listBatches, listItems, presentItem, type BatchView } from './batches.store.ts';
import { createBatch } from './create-batch.ts';

@Controller('v1/batches')
export class BatchesController {
  constructor(@Inject(PARTS) private readonly parts: Parts) {}

  @Post()
  @Policy({ access: 'generations:write', consumes: ['application/json'] })
  async create(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<Batch> {
    const principal = principalOf(request);
    const { db } = this.parts;
    const wanted = parseContract(CreateBatch, request.body);
    const idempotent = idempotentRequest(request.headers['idempotency-key'], 'POST /v1/batches', request.body);
    const { made, replayed } = await this.parts.idempotency.once(
      principal.tenantId,
      idempotent,
      // Another request with the key leaves no batch of this id.
      async () => findBatch(db, principal.tenantId, await createBatch(this.parts, principal, wanted, idempotent)),
      ({ resource_id }) => findBatch(db, principal.tenantId, resource_id),
    );
    if (replayed) reply.header('idempotent-replayed', 'true');
    const batch = this.present(made);
    reply.status(replayed ?? 202).header('location', batch.urls.get);
    return batch;
  }

  @Get()
  @Policy({ access: 'generations:read' })
  async list(
    @Query(contract(ListBatches, 'query')) { cursor, limit }: z.infer<typeof ListBatches>,
    @Req() request: FastifyRequest,
  ): Promise<z.infer<typeof BatchList>> {
    const before = cursor === undefined ? undefined : decodeCursor('batch', cursor);
    const views = await listBatches(this.parts.db, principalOf(request).tenantId, before, limit + 1);
    return pageOf(views, limit, (view) => this.present(view));
  }

  @Get(':id')
  @Policy({ access: 'generations:read' })
  async get(@Param('id') id: string, @Req() request: FastifyRequest): Promise<Batch> {
    return this.present(await knownBatch(this.parts.db, principalOf(request).tenantId, id));
  }

  /** Never a conflict: what has ended stays as it is. */
  @Post(':id/cancel')
  @HttpCode(202)
  @Policy({ access: 'generations:write' })
  async cancel(@Param('id') id: string, @Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<Batch> {
    const { tenantId } = principalOf(request);
    const { id: batchId } = await knownBatch(this.parts.db, tenantId, id);
    const atWork = await cancelBatch(this.parts.db, tenantId, batchId);
    for (const generationId of atWork) this.parts.signals.publish('cancel', generationId); // the fast way to their workers
    const view = await knownBatch(this.parts.db, tenantId, id);
    reply.status(view.ended_at ? 200 : 202);
    return this.present(view);
  }

  @Get(':id/items')
  @Policy({ access: 'generations:read' })
  async items(
    @Param('id') id: string,
    @Query(contract(ListBatches, 'query')) { cursor, limit }: z.infer<typeof ListBatches>,
    @Req() request: FastifyRequest,
  ): Promise<z.infer<typeof BatchItemList>> {
    const { id: batchId } = await knownBatch(this.parts.db, principalOf(request).tenantId, id);
    const rows = await listItems(this.parts.db, batchId, cursor === undefined ? -1 : decodePlace(cursor), limit + 1);
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    return { data: page.map(presentItem), next_cursor: rows.length > limit && last ? encodePlace(last.place) : null };
  }

  private present(view: BatchView): Batch {
    const { id, total, accepted, succeeded, failed, canceled, cancel_requested_at, created_at, ended_at } = view;
    const url = `${this.parts.config.PUBLIC_URL}/v1/batches/${id}`;
    return {
      id,
      object: 'batch',
      status: ended_at === null ? 'processing' : cancel_requested_at === null ? 'completed' : 'canceled',
      counts: { total, accepted, rejected: total - accepted, succeeded, failed, canceled },
      cancel_requested_at: cancel_requested_at?.toISOString() ?? null,
      created_at: created_at.toISOString(),
      completed_at: ended_at?.toISOString() ?? null,
      urls: { get: url, items: `${url}/items`, cancel: `${url}/cancel` },
    };
  }
}
