/**
 * Traces that follow one job through every process. The processes share nothing but the database, so the context travels as the
 * `traceparent` text (W3C Trace Context) in the generation's row. Without an endpoint there is no SDK and a span costs nothing.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags, type Attributes, type Context } from '@opentelemetry/api';

export interface TraceSpan {
  /** For the next process; null while traces are off. */
  readonly traceparent: string | null;
  set(attributes: Attributes): void;
}

/** A span whose end its maker tells. */
export interface OpenSpan extends TraceSpan {
  end(error?: unknown): void;
  /** Runs what belongs to it. */
  follow(work: () => void): void;
}

export interface SpanOptions {
  readonly kind?: 'server' | 'consumer' | 'client' | 'internal';
  /** The `traceparent` of the span that led to this one; what is no such text begins a new trace. */
  readonly parent?: string | null | undefined;
  /** Ids, names and numbers only: never a prompt, a picture, a URL with a signature, a key or an embedding. */
  readonly attributes?: Attributes;
}

export interface Tracing {
  /** Runs work under a span, which ends with it and takes down its error. */
  span<T>(name: string, options: SpanOptions, work: (span: TraceSpan) => Promise<T>): Promise<T>;
  begin(name: string, options: SpanOptions): OpenSpan;
  /** The `traceparent` of the span that the caller runs under. */
  current(): string | null;
  /** Sends what is left. */
  close(): Promise<void>;
}

const off = { traceparent: null, set: () => undefined, end: () => undefined, follow: (work: () => void) => work() };
const noTracing: Tracing = {
  span: (_name, _options, work) => work(off),
  begin: () => off,
  current: () => null,
  close: async () => undefined,
};

/** `endpoint`: the base address of an OTLP/HTTP collector; spans go to `<endpoint>/v1/traces`. */
export async function startTracing(service: string, endpoint: string | undefined): Promise<Tracing> {
  if (endpoint === undefined) return noTracing;
  const [{ BatchSpanProcessor, TracerProvider }, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, '')}/v1/traces` });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': `likeness-${service}`, 'service.namespace': 'likeness' }),
    spanProcessors: [new BatchSpanProcessor({ exporter, scheduledDelayMillis: 1_000 })],
  });
  const tracer = provider.getTracer('likeness');
  const running = new AsyncLocalStorage<string>();
  const begin = (name: string, { kind = 'internal', parent, attributes = {} }: SpanOptions) => {
    const span = tracer.startSpan(name, { kind: kinds[kind], attributes }, contextOf(parent));
    const { traceId, spanId, traceFlags } = span.spanContext();
    const traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
    return {
      traceparent,
      follow: (work: () => void) => running.run(traceparent, work),
      set: (more: Attributes) => void span.setAttributes(more),
      end: (error?: unknown) => {
        if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: codeOf(error) });
        span.end();
      },
    };
  };
  return {
    begin,
    span: async (name, options, work) => {
      const span = begin(name, { parent: running.getStore(), ...options });
      try {
        const result = await running.run(span.traceparent, () => work(span));
        span.end();
        return result;
      } catch (error) {
        span.end(error);
        throw error;
      }
    },
    current: () => running.getStore() ?? null,
    close: () => provider.shutdown(),
  };
}

const kinds = { server: SpanKind.SERVER, consumer: SpanKind.CONSUMER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL };

function contextOf(parent: string | null | undefined): Context {
  const [, traceId, spanId, flags] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(parent ?? '') ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: parseInt(flags, 16) & TraceFlags.SAMPLED, isRemote: true });
}

/** A message may hold what a request said; a code cannot. */
const codeOf = (error: unknown): string => {
  const { code, name } = error as { code?: unknown; name?: unknown };
  return typeof code === 'string' ? code : typeof name === 'string' ? name : 'error';
};
