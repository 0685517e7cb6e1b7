/**
 * Bull Board, to be looked at only: what lies in the queues, for administrators. A browser cannot send a Bearer token, so here the
 * key may also come as the password of HTTP Basic.
 *
 * The API itself needs no queue. The board's connections are opened when it is looked at for the first time; while the queue is away
 * the board says 503, and nothing else changes.
 */
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import { LikenessError, QUEUES } from '@likeness/contracts';
import { openQueue, type QueueConfig } from '@likeness/platform/queue';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { RoutePolicy } from '../http/policy.ts';

export const BOARD_PATH = '/admin/board';
const POLICY: RoutePolicy = { access: 'admin', produces: '*', basic: true };
const PATIENCE_MS = 2_500;
/** Nothing from elsewhere: the page asks for fonts of another host, and who looks at it is nobody else's business. */
const CONTENT_SECURITY_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/** A Fastify plugin. Registered before anything else decorates replies: the board brings its own static files. */
export const board =
  (config: QueueConfig, answerError: (error: unknown, request: FastifyRequest, reply: FastifyReply) => void) =>
  async (instance: FastifyInstance): Promise<void> => {
    const server = new FastifyAdapter();
    server.setBasePath(BOARD_PATH);
    const shown = createBullBoard({
      queues: [],
      serverAdapter: server,
      options: { uiConfig: { boardTitle: 'Likeness', hideRedisDetails: true } },
    });
    // Thrown on to where every error of the API ends, as what it is: the queue does not answer.
    server.setErrorHandler((error) => {
      throw error instanceof LikenessError
        ? error
        : new LikenessError('unavailable', 'The queue does not answer.', { retryAfter: 2, cause: error });
    });
    instance.setErrorHandler((error, request, reply) => answerError(error, request, reply));
    let queues: ReturnType<typeof openQueue>[] = [];
    instance.addHook('onRoute', (route) => {
      route.config = { ...route.config, policy: POLICY };
    });
    instance.addHook('preHandler', async ({ method }, reply) => {
      reply.header('content-security-policy', CONTENT_SECURITY_POLICY);
      if (method !== 'GET' && method !== 'HEAD') {
        reply.header('allow', 'GET, HEAD');
        throw new LikenessError('method_not_allowed', `${method} is not possible here: the board is to be looked at only.`);
      }
      if (queues.length === 0) {
        queues = QUEUES.map((name) => openQueue(name, config));
        shown.setQueues(queues.map((queue) => new BullMQAdapter(queue, { readOnlyMode: true, allowRetries: false })));
      }
      await Promise.race([Promise.all(queues.map((queue) => queue.waitUntilReady())), afterPatience()]);
    });
    instance.addHook('onClose', async () => {
      await Promise.race([
        Promise.allSettled(queues.map((queue) => queue.close())),
        new Promise((done) => setTimeout(done, 1_000).unref()),
      ]);
    });
    await instance.register(server.registerPlugin());
  };

const afterPatience = (): Promise<never> =>
  new Promise((_, fail) =>
    setTimeout(() => fail(new LikenessError('unavailable', 'The queue does not answer.', { retryAfter: 2 })), PATIENCE_MS).unref(),
  );
