import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { Metrics } from '../telemetry/index.ts';
import { startHealthServer, type Check } from './index.ts';

describe('the health server', () => {
  const serve = async (checks: Record<string, Check>) => {
    const server = await startHealthServer({ host: '127.0.0.1', port: 0, checks, metrics: new Metrics('test') });
    const get = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
      return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
    };
    return { server, get };
  };

  it('is ready when every check holds', async () => {
    const { server, get } = await serve({ database: async () => undefined });
    expect(await get('/healthz')).toMatchObject({ status: 200, body: '{"status":"ok"}' });
    expect(await get('/readyz')).toMatchObject({ status: 200, type: 'application/json', body: '{"status":"ok"}' });
    expect((await get('/metrics')).body).toContain('event_loop_delay_p99_ms{app="test"}');
    expect(await get('/other')).toMatchObject({ status: 404 });
    await server.close();
  });

  it('lives, but is not ready, while a check fails or does not answer', async () => {
    const { server, get } = await serve({
      database: () => Promise.reject(new Error('it is gone')),
      store: () => new Promise(() => undefined),
      queue: async () => undefined,
    });
    expect(await get('/healthz')).toMatchObject({ status: 200 });
    const ready = await get('/readyz');
    expect(ready.status).toBe(503);
    expect(JSON.parse(ready.body)).toEqual({ status: 'not ready', reasons: ['database: it is gone', 'store: no answer within 2000 ms'] });
    await server.close();
  });
});

describe('the shutdown', () => {
  /** A process with these steps; `signals` are sent to it one after another. */
  const stop = async (steps: string, ...signals: NodeJS.Signals[]) => {
    const script = `
      const { onShutdown } = await import(${JSON.stringify(new URL('./index.ts', import.meta.url).href)});
      const { createLogger } = await import(${JSON.stringify(new URL('../telemetry/index.ts', import.meta.url).href)});
      const step = (name, run, limitMs) => ({ name, limitMs, run: async () => { console.log(name); await run?.(); } });
      onShutdown(createLogger('test', 'silent'), [${steps}]);
      setInterval(() => {}, 1000);
      console.log('up');`;
    const child = spawn(process.execPath, ['--input-type=module', '--conditions=source', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const output = text(child.stdout);
    await once(child.stdout, 'data');
    for (const signal of signals) {
      child.kill(signal);
      await new Promise((done) => setTimeout(done, 100));
    }
    const [code] = (child.exitCode === null ? await once(child, 'exit') : [child.exitCode]) as [number];
    return { code, steps: (await output).trim().split('\n').slice(1) };
  };

  it('runs its steps in order and exits with 0', async () => {
    expect(await stop("step('queue', () => new Promise((done) => setTimeout(done, 50))), step('database')", 'SIGTERM')).toEqual({
      code: 0,
      steps: ['queue', 'database'],
    });
    expect(await stop("step('database')", 'SIGINT')).toEqual({ code: 0, steps: ['database'] });
  });

  it('goes on to the next step when one fails or takes too long, and exits with 1', async () => {
    const steps = "step('queue', () => Promise.reject(new Error('no'))), step('child', () => new Promise(() => {}), 50), step('database')";
    expect(await stop(steps, 'SIGTERM')).toEqual({ code: 1, steps: ['queue', 'child', 'database'] });
  });

  it('exits at once at the second signal', async () => {
    expect(await stop("step('queue', () => new Promise(() => {}), 60000), step('database')", 'SIGTERM', 'SIGTERM')).toEqual({
      code: 1,
      steps: ['queue'],
    });
  });
});
