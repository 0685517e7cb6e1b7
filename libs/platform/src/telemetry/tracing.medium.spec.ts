import { afterEach, describe, expect, it } from 'vitest';
import { startCollector } from '../testing/index.ts';
import { startTracing } from './index.ts';

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
