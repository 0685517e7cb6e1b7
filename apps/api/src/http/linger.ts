/**
 * Closing a connection whose body was refused. A plain close while the client is still sending makes its kernel throw our answer away
 * (RST); so the answer is sent, our side is closed, and what still comes in is dropped for a moment before the socket goes.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { BODY_MAX_BYTES } from '@likeness/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';

const LINGER_MS = 2_000;

export function lingerBeforeClose(request: FastifyRequest, reply: FastifyReply): void {
  const { socket } = request.raw;
  reply.header('connection', 'close');
  // Node calls this once the answer is written; its own version destroys the socket.
  socket.destroySoon = () => {
    socket.end();
    request.raw.resume();
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('close', () => clearTimeout(timer));
  };
}

/** A client that asks first (`Expect: 100-continue`) is told at once that its body is too large, and never sends it. */
export function answerExpectations(server: Server): void {
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (Number(request.headers['content-length'] ?? 0) <= BODY_MAX_BYTES) response.writeContinue();
    server.emit('request', request, response);
  });
}
