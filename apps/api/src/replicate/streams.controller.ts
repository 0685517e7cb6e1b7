/** `urls.stream` of a prediction: what happens to it, as it happens. The link is the permission, no key is asked for. */
import type { Readable } from 'node:stream';
import { Controller, Get, Inject, Param, Query, Req, Res } from '@nestjs/common';
import { isId, LikenessError, streamPathOf, type GenerationId } from '@likeness/contracts';
import { findPrediction, streamEvents, type StreamEvent } from '@likeness/generation';
import { SignedQuery } from '@likeness/platform/links';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { hungUp } from '../generations/hung-up.ts';
import { contract } from '../http/contract.ts';
import { PING, PING_MS, sendEvents } from '../http/event-stream.ts';
import { Policy } from '../http/policy.ts';
import { PARTS, type Parts } from '../parts.ts';
import { linksOf } from './links.ts';

@Controller('v1/files/streams')
export class StreamsController {
  constructor(@Inject(PARTS) private readonly parts: Parts) {}

  @Get(':id')
  @Policy({ access: 'signed', produces: 'text/event-stream' })
  async stream(
    @Param('id') id: string,
    @Query(contract(SignedQuery, 'query')) query: SignedQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Readable> {
    this.parts.signer.verify('GET', streamPathOf(id), query);
    if (!isId('generation', id)) throw new LikenessError('not_found', `There is no prediction ${id}.`);
    await this.eventsOf(id); // a stream that has begun cannot be refused any more
    const seen = Number(/^\d{1,9}$/.exec(String(request.headers['last-event-id']))?.[0] ?? 0);
    return sendEvents(reply, this.follow(id, seen, hungUp(reply)));
  }

  /** An event's id is its place, so a client that comes back says how many it has. Ends after `done`. */
  private async *follow(id: GenerationId, seen: number, signal: AbortSignal): AsyncGenerator<string, void> {
    const { changes } = this.parts;
    const stopped = AbortSignal.any([signal, changes.closing]);
    yield PING; // so that the client hears at once that it is connected
    for (let sent = seen, over = false; !over;) {
      const look = { name: `stream of ${id}`, look: () => this.eventsOf(id) };
      const wanted = (all: readonly StreamEvent[]) => all.length > sent || isOver(all);
      const events = await changes.wait({ id, milliseconds: PING_MS, signal, ...look, wanted });
      if (stopped.aborted) return;
      if (!events) yield PING;
      for (const event of events?.slice(sent) ?? []) yield write(++sent, event);
      over = events !== undefined && isOver(events);
    }
  }

  private async eventsOf(id: GenerationId): Promise<StreamEvent[]> {
    const row = await findPrediction(this.parts.db, null, id);
    if (!row) throw new LikenessError('not_found', `There is no prediction ${id}.`);
    return streamEvents(row, linksOf(this.parts));
  }
}

const isOver = (events: readonly StreamEvent[]): boolean => events.at(-1)?.event === 'done';

/** A line of data for every line of the text. */
const write = (place: number, { event, data }: StreamEvent): string =>
  `id: ${place}\nevent: ${event}\n${data.replace(/^/gm, 'data: ')}\n\n`;
