/** A generation as it happens: its events, and the pictures on the way. */
import type { Readable } from 'node:stream';
import { Controller, Get, Inject, Param, Query, Req, Res } from '@nestjs/common';
import { LikenessError, StreamEvents, StreamEventsHeader } from '@likeness/contracts';
import { one, sql } from '@likeness/platform/db';
import { SignedQuery } from '@likeness/platform/links';
import { ObjectMissing } from '@likeness/platform/storage';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { contract, parseContract } from '../http/contract.ts';
import { principalOf } from '../http/edge.ts';
import { sendEvents } from '../http/event-stream.ts';
import { Policy } from '../http/policy.ts';
import { PARTS, type Parts } from '../parts.ts';
import { knownGeneration } from './generations.store.ts';
import { hungUp } from './hung-up.ts';
import { previewPathOf } from './present-generation.ts';
import { hasAll, streamEvents } from './stream-events.ts';

const gone = (id: string) => new LikenessError('data_expired', `${id} has no preview any more.`);
const PreviewRow = z.object({ key: z.string(), data_key: z.instanceof(Uint8Array).nullable() });

@Controller('v1/generations')
export class EventsController {
  constructor(@Inject(PARTS) private readonly parts: Parts) {}

  @Get(':id/events')
  @Policy({ access: 'generations:read', produces: 'text/event-stream' })
  async stream(
    @Param('id') id: string,
    @Query(contract(StreamEvents, 'query')) query: z.infer<typeof StreamEvents>,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Readable | undefined> {
    const { tenantId } = principalOf(request);
    const header = { 'Last-Event-ID': request.headers['last-event-id'] };
    const after = parseContract(StreamEventsHeader, header, 'header')['Last-Event-ID'] ?? query.last_event_id;
    const seen = await knownGeneration(this.parts.db, tenantId, id);
    // An EventSource comes back after every end; this tells it to stay away.
    if (after !== undefined && (await hasAll(this.parts.db, tenantId, seen, after))) return void reply.status(204);
    return sendEvents(reply, streamEvents(this.parts, seen, { tenantId, after, signal: hungUp(reply) }));
  }

  /** The newest preview: of this step or, by now, of a later one. */
  @Get(':id/previews/:step')
  @Policy({ access: 'signed', produces: '*' })
  async preview(
    @Param('id') id: string,
    @Param('step') step: string,
    @Query(contract(SignedQuery, 'query')) query: SignedQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Buffer> {
    this.parts.signer.verify('GET', previewPathOf(id, step), query);
    const preview = await one(
      this.parts.db,
      PreviewRow,
      sql`SELECT g.progress->>'preview' AS key, k.wrapped AS data_key FROM generation g LEFT JOIN data_key k ON k.id = coalesce(g.subject_id, g.id)
           WHERE g.id = ${id} AND g.status = 'processing' AND g.progress ? 'preview'`,
    );
    if (!preview) throw gone(id);
    const bytes = await this.parts.store.get(preview.key, preview.data_key).catch((error: unknown) => {
      throw error instanceof ObjectMissing ? gone(id) : error;
    });
    reply.header('cache-control', 'private, no-store').header('x-content-type-options', 'nosniff').type('image/jpeg');
    return Buffer.from(bytes);
  }
}
