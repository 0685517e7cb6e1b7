/** What is told of every request when it is over: a line of the log, a figure, and a span of the trace that the job goes on with. */
import type { Logger, Metrics, Tracing } from '@likeness/platform/telemetry';
import type { FastifyInstance, FastifyRequest } from 'fastify';

const BUCKETS = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60];

/** Must come before the hooks that may refuse a request. */
export function observeRequests(
  instance: FastifyInstance,
  { log, metrics, tracing }: { log: Logger; metrics: Metrics; tracing: Tracing },
): void {
  const spans = new WeakMap<FastifyRequest, ReturnType<Tracing['begin']>>();
  const observe = metrics.histogram(
    'likeness_http_request_duration_seconds',
    'From the first byte of a request to the last of its answer, waits included',
    ['method', 'route', 'status'],
    BUCKETS,
  );
  instance.addHook('onRequest', (request, _reply, done) => {
    if (isProbe(request)) return done();
    const { traceparent } = request.headers;
    const span = tracing.begin(`${request.method} ${routeOf(request)}`, {
      kind: 'server',
      parent: typeof traceparent === 'string' ? traceparent : null,
      attributes: { 'http.request.method': request.method, 'http.route': routeOf(request), request_id: request.id },
    });
    spans.set(request, span);
    span.follow(done);
  });
  instance.addHook('onResponse', async (request, reply) => {
    const { id, method, principal } = request;
    const status = reply.statusCode;
    observe({ method, route: routeOf(request), status }, reply.elapsedTime / 1000);
    const span = spans.get(request);
    span?.set({ 'http.response.status_code': status });
    span?.end(status >= 500 ? { code: String(status) } : undefined);
    const ms = Math.round(reply.elapsedTime * 10) / 10;
    // Probes and scrapes come every few seconds.
    log[isProbe(request) ? 'debug' : 'info'](
      { request_id: id, method, route: routeOf(request), status, ms, tenant: principal?.tenantId },
      'request',
    );
  });
}

/** The pattern, so that the values are few and no id is among them. */
const routeOf = ({ routeOptions }: FastifyRequest): string => routeOptions.url ?? 'unknown';

const isProbe = ({ routeOptions }: FastifyRequest): boolean => ['public', 'local'].includes(routeOptions.config.policy?.access ?? '');
