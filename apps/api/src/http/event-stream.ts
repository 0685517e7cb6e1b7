import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';

/** A comment, so that the connection stays open and both sides see that it is. */
export const PING = ': ping\n\n';
export const PING_MS = 15_000;
/** A client that takes nothing for so long, not even a ping, is gone or stuck. */
const STALLED_MS = 60_000;

/** Answers with server-sent events; proxies are asked to hold none of them back. */
export function sendEvents(reply: FastifyReply, events: AsyncIterable<string>): Readable {
  reply.header('content-type', 'text/event-stream').header('cache-control', 'no-store').header('x-accel-buffering', 'no');
  reply.raw.setTimeout(STALLED_MS);
  return Readable.from(events, { objectMode: false });
}
