/** The small HTTP port of a worker or the dispatcher: is it alive, can it work, how is it doing. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Metrics } from '../telemetry/index.ts';

/** Rejects with the reason while what it asks for is away. */
export type Check = () => Promise<void>;

export interface HealthOptions {
  /** Loopback, unless the configuration says otherwise. */
  readonly host: string;
  /** 0 = any free one. */
  readonly port: number;
  readonly checks: Readonly<Record<string, Check>>;
  readonly metrics: Metrics;
}

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

/** What has not answered by then is not ready. */
const CHECK_MS = 2_000;

/** `/healthz` (the event loop turns), `/readyz` (every check holds; else 503 with the reasons), `/metrics`. */
export async function startHealthServer({ host, port, checks, metrics }: HealthOptions): Promise<HealthServer> {
  const answer = async (path: string, response: ServerResponse): Promise<void> => {
    if (path === '/healthz') return send(response, 200, { status: 'ok' });
    if (path === '/metrics') return void response.setHeader('content-type', metrics.contentType).end(await metrics.text());
    if (path !== '/readyz') return send(response, 404, { status: 'not found' });
    const failed = await failing(checks);
    return send(
      response,
      failed.length === 0 ? 200 : 503,
      failed.length === 0 ? { status: 'ok' } : { status: 'not ready', reasons: failed },
    );
  };
  const server = createServer((request, response) => {
    answer(new URL(request.url ?? '/', 'http://localhost').pathname, response).catch((error: unknown) =>
      send(response, 500, { status: 'failed', reasons: [String(error)] }),
    );
  });
  await new Promise<void>((done, failed) => server.once('error', failed).listen(port, host, done));
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

/** The checks that do not hold, as `name: reason`. */
export async function failing(checks: Readonly<Record<string, Check>>): Promise<string[]> {
  const results = Object.entries(checks).map(async ([name, check]) => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, fail) => {
      timer = setTimeout(() => fail(new Error(`no answer within ${CHECK_MS} ms`)), CHECK_MS);
    });
    try {
      await Promise.race([check(), late]);
      return [];
    } catch (error) {
      return [`${name}: ${error instanceof Error ? error.message : String(error)}`];
    } finally {
      clearTimeout(timer);
    }
  });
  return (await Promise.all(results)).flat();
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
