/** From a configuration to an API that can listen: opens what it needs, wires the edge, leaves routes to the controllers. */
import 'reflect-metadata';
import { fileURLToPath } from 'node:url';
import fastifyMultipart from '@fastify/multipart';
import fastifyStatic from '@fastify/static';
import { BODY_MAX_BYTES, LikenessError, newId } from '@likeness/contracts';
import { openDb } from '@likeness/platform/db';
import { createEgress } from '@likeness/platform/egress';
import { createSigner } from '@likeness/platform/links';
import { openSignals } from '@likeness/platform/signals';
import { openSealedStore } from '@likeness/platform/storage';
import { Metrics, startTracing, type Logger } from '@likeness/platform/telemetry';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { ApiConfig } from './api.config.ts';
import { board, BOARD_PATH } from './admin/board.ts';
import { AppModule } from './app.module.ts';
import { followChanges } from './generations/changes.ts';
import { createAuthenticator } from './http/api-keys.ts';
import { guardEdge } from './http/edge.ts';
import { observeRequests } from './http/observe.ts';
import { Idempotency } from './http/idempotency.ts';
import { answerExpectations } from './http/linger.ts';
import { ProblemFilter } from './http/problem-filter.ts';
import { rawProblem, sendProblem, toLikenessError } from './http/problem.ts';
import { createRateLimiter, sharedWindows } from './http/rate-limit.ts';
import { indexRoutes } from './http/route-index.ts';
import { readPacks } from './packs.ts';
import type { Parts } from './parts.ts';
import { createPace } from './queue/pace.ts';
import { showQueue } from './queue/queue-metrics.ts';

/** Time for a client to send its whole request, 30 MB at most. */
const REQUEST_TIMEOUT_MS = 300_000;

export async function createApi(config: ApiConfig, log: Logger): Promise<NestFastifyApplication> {
  const adapter = createAdapter(config);
  const instance: FastifyInstance = adapter.getInstance();
  const routes = indexRoutes(instance);
  const parts = await openParts(config, log);
  observeRequests(instance, parts);
  showQueue(parts.metrics, parts.db);
  guardEdge(instance, {
    authenticate: parts.keys.authenticate,
    limitRate: parts.rates.limit,
    metricsPublic: config.METRICS_PUBLIC,
  });
  readBodies(instance);
  answerExpectations(instance.server);
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.with(parts), adapter, {
    bodyParser: false,
    logger: false,
    abortOnError: false,
  });
  const problems = new ProblemFilter(config.PUBLIC_URL, routes, log);
  app.useGlobalFilters(problems);
  await app.register(
    board(config, (error, request, reply) => problems.answer(error, request, reply)),
    { prefix: BOARD_PATH },
  ); // before replies are decorated: it decorates its own
  await app.register(fastifyMultipart);
  await app.register(fastifyStatic, { root: fileURLToPath(new URL('static/', import.meta.resolve('@fastify/swagger-ui'))), serve: false });
  return app.init();
}

async function openParts(config: ApiConfig, log: Logger): Promise<Parts> {
  const db = openDb(config.DATABASE_URL, { max: config.DATABASE_POOL, name: 'likeness-api' });
  const keys = createAuthenticator(db);
  return {
    config,
    log,
    db,
    store: openSealedStore(config),
    egress: createEgress(config),
    signals: openSignals(config, { onError: (error) => log.debug({ err: error }, 'a signal was lost') }),
    packs: await readPacks(config.packDirs),
    signer: createSigner(config.SIGNING_SECRET, config.PUBLIC_URL),
    keys,
    rates: createRateLimiter(sharedWindows(db)),
    changes: followChanges(config.DATABASE_URL, keys.forget),
    idempotency: new Idempotency(db),
    pace: createPace(db),
    metrics: new Metrics('api'),
    tracing: await startTracing('api', config.OTEL_EXPORTER_OTLP_ENDPOINT),
  };
}

function createAdapter({ PUBLIC_URL }: ApiConfig): FastifyAdapter {
  return new FastifyAdapter({
    bodyLimit: BODY_MAX_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: 72_000, // longer than a balancer's, so that it never meets a connection we have just closed
    skipMiddie: true, // no middleware: the edge is hooks
    multipart: false, // registered below
    requestIdHeader: false,
    genReqId: requestId,
    // Paths and sockets that no route, hook or filter ever sees.
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) =>
      sendProblem(reply, toLikenessError(error), request.id, PUBLIC_URL),
    clientErrorHandler: (error: NodeJS.ErrnoException, socket: Socket) => {
      if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
      socket.end(
        rawProblem(
          new LikenessError('malformed_request', `This is no HTTP request that can be read: ${error.message}`),
          newId('request'),
          PUBLIC_URL,
        ),
      );
    },
  });
}

/** A sane id of the client's is kept, so that its logs and ours can be joined. */
function requestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : newId('request');
}

/** JSON, strictly; an empty body is no body. Everything else stays a stream, for the routes whose policy takes it. */
function readBodies(instance: FastifyInstance): void {
  instance.removeAllContentTypeParsers();
  const parse = instance.getDefaultJsonParser('error', 'error');
  instance.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, text, done) => {
    if (text === '') done(null, undefined);
    else
      return parse(request, text, (error, value) =>
        error ? done(noJson(text, error, request.routeOptions.config.policy?.silent)) : done(null, value),
      );
  });
  instance.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
}

/** Fastify's parser does not say what is wrong; Node's does. What Node takes was refused for a `__proto__` or `constructor` key. */
function noJson(text: string, cause: Error, silent = false): LikenessError {
  try {
    JSON.parse(text);
    return new LikenessError('malformed_request', 'The body is JSON with a key that would change an object’s prototype.', { cause });
  } catch (error) {
    return new LikenessError('malformed_request', silent ? 'The body is no JSON.' : `The body is no JSON: ${(error as Error).message}.`, {
      cause,
    });
  }
}
