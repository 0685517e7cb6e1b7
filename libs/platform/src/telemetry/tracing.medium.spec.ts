import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { startTracing } from './index.ts';

interface SentSpan {
  readonly service: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly status?: { code?: number; message?: string };
}
interface Export {
  resourceSpans: {
    resource: { attributes: { key: string; value: { stringValue?: string } }[] };
    scopeSpans: { spans: Omit<SentSpan, 'service'>[] }[];
  }[];
}

/** An OTLP/HTTP collector that keeps what it gets. */
async function startCollector() {
  const spans: SentSpan[] = [];
  const server = createServer((request, response) => {
    void json(request).then((body) => {
      expect(request.url).toBe('/v1/traces');
      for (const { resource, scopeSpans } of (body as Export).resourceSpans) {
        const service = resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? '';
        for (const span of scopeSpans.flatMap((scope) => scope.spans)) spans.push({ ...span, service });
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const close = () => new Promise<void>((done) => (server.close(() => done()), server.closeAllConnections()));
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, spans, close };
}

describe('traces', () => {
  let close: (() => Promise<void>) | undefined;
  afterEach(async () => {
    await close?.();
    close = undefined;
  });

  it('go on from process to process by the traceparent alone', async () => {
    const collector = await startCollector();
    close = collector.close;
    const [api, worker] = [await startTracing('api', collector.endpoint), await startTracing('worker', `${collector.endpoint}/`)];
    const carried = await api.span('POST /v1/generations', { kind: 'server' }, async ({ traceparent }) => {
      expect(api.current()).toBe(traceparent);
      return traceparent;
    });
    const failing = worker.span('stage parse', { kind: 'consumer', parent: carried }, () =>
      worker.span('infer', {}, () => Promise.reject(Object.assign(new Error('about a face'), { code: 'no_face_detected' }))),
    );
    await expect(failing).rejects.toThrow('about a face');
    await Promise.all([api.close(), worker.close()]);

    const named = (name: string) => collector.spans.find((span) => span.name === name);
    const [request, stage, infer] = [named('POST /v1/generations'), named('stage parse'), named('infer')];
    expect(carried).toBe(`00-${request?.traceId}-${request?.spanId}-01`);
    expect([request?.service, stage?.service]).toEqual(['likeness-api', 'likeness-worker']);
    expect([stage?.traceId, stage?.parentSpanId]).toEqual([request?.traceId, request?.spanId]);
    expect([infer?.traceId, infer?.parentSpanId]).toEqual([request?.traceId, stage?.spanId]);
    expect(infer?.status?.message).toBe('no_face_detected');
    expect(JSON.stringify(collector.spans)).not.toContain('about a face');
  });

  it('begin anew where the parent is no traceparent', async () => {
    const collector = await startCollector();
    close = collector.close;
    const tracing = await startTracing('api', collector.endpoint);
    for (const parent of ['', 'garbage', '00-0-0-00', null]) tracing.begin('request', { parent }).end();
    await tracing.close();
    expect(new Set(collector.spans.map(({ traceId }) => traceId)).size).toBe(4);
    expect(collector.spans.map(({ parentSpanId }) => parentSpanId ?? '')).toEqual(['', '', '', '']);
  });

  it('cost nothing and carry nothing without a collector', async () => {
    const tracing = await startTracing('api', undefined);
    expect(await tracing.span('request', {}, async ({ traceparent }) => [traceparent, tracing.current()])).toEqual([null, null]);
    await tracing.close();
  });
});
