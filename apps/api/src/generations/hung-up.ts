import type { FastifyReply } from 'fastify';

/** Aborted when the client goes away before it is answered, or with the answer. */
export function hungUp(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  return gone.signal;
}
