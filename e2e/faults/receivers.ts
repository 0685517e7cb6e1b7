/** Webhook endpoints of shops, well and badly behaved. The URL says how one behaves, so that a run needs one server only. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import type { Receipt } from './history.ts';

/** How an endpoint answers its first calls (how many: `spoiled`); after them it takes what comes. */
export const BEHAVIOURS = {
  good: { spoiled: 0 },
  'error-500': { spoiled: 3 },
  'busy-429': { spoiled: 2 },
  'gone-410': { spoiled: Infinity },
  'moved-301': { spoiled: 2 },
  'slow-loris': { spoiled: 1 },
  'huge-answer': { spoiled: 1 },
  reset: { spoiled: 2 },
} as const satisfies Record<string, { spoiled: number }>;
export type Behaviour = keyof typeof BEHAVIOURS;

/** More than any sender should read. */
const HUGE = 100 * 2 ** 20;

export class Receivers {
  readonly receipts: Receipt[] = [];
  /** Calls to where a redirect pointed: nobody should follow it. */
  followed = 0;
  readonly #server: Server;
  readonly #calls = new Map<string, number>();
  /** By the last part of the URL. */
  readonly #secrets = new Map<string, string>();

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('error', () => undefined); // a sender that breaks off has not called
      request.on('end', () => {
        const headers = request.headers as Record<string, string>;
        void this.#called(request.url ?? '', headers, Buffer.concat(chunks).toString('utf8'), response);
      });
    });
  }

  static async start(): Promise<Receivers> {
    const server = createServer();
    const receivers = new Receivers(server);
    await new Promise<void>((done, failed) => server.once('error', failed).listen(0, '127.0.0.1', done));
    return receivers;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** What the signatures of an endpoint are checked with; of jobs' own webhooks by the name `job`. */
  expectSecret(endpoint: string, secret: string): void {
    this.#secrets.set(endpoint, secret);
  }

  async close(): Promise<void> {
    const closed = new Promise((done) => this.#server.close(done));
    this.#server.closeAllConnections();
    await closed;
  }

  async #called(path: string, headers: Record<string, string>, text: string, response: ServerResponse): Promise<void> {
    const [, behaviour, place = ''] = path.split('/');
    if (behaviour === undefined || !(behaviour in BEHAVIOURS)) {
      this.followed++;
      return void response.writeHead(204).end();
    }
    const call = `${path} ${headers['webhook-id']}`;
    const before = this.#calls.get(call) ?? 0;
    this.#calls.set(call, before + 1);
    const spoiled = before < BEHAVIOURS[behaviour as Behaviour].spoiled;
    this.#note(place.startsWith('order-') ? 'job' : place, headers, text, spoiled ? (behaviour as Behaviour) : 'good');
    if (spoiled) await spoil(behaviour as Behaviour, response);
    else response.writeHead(204).end();
  }

  #note(endpoint: string, headers: Record<string, string>, text: string, answer: Behaviour): void {
    let signed = true;
    try {
      new Webhook(this.#secrets.get(endpoint) ?? '').verify(text, headers);
    } catch {
      signed = false;
    }
    const body = JSON.parse(text) as Pick<Receipt, 'type' | 'data'>;
    const webhookId = headers['webhook-id'] ?? '';
    this.receipts.push({ at: Date.now(), endpoint, webhookId, signed, answer, text, type: body.type, data: body.data });
  }
}

async function spoil(behaviour: Behaviour, response: ServerResponse): Promise<void> {
  response.on('error', () => undefined);
  switch (behaviour) {
    case 'good':
      return void response.writeHead(204).end();
    case 'error-500':
      return void response.writeHead(500).end('out of order');
    case 'busy-429':
      return void response.writeHead(429, { 'retry-after': '1' }).end();
    case 'gone-410':
      return void response.writeHead(410).end();
    case 'moved-301':
      return void response.writeHead(301, { location: '/elsewhere' }).end();
    case 'reset':
      return void response.socket?.resetAndDestroy();
    case 'slow-loris':
      response.writeHead(200, { 'content-length': '1000' });
      while (!response.destroyed && response.write('.')) await sleep(500);
      return;
    case 'huge-answer': {
      const block = Buffer.alloc(2 ** 20, 'x');
      response.writeHead(200, { 'content-length': String(HUGE) });
      for (let sent = 0; sent < HUGE && !response.destroyed; sent += block.length) {
        if (!response.write(block)) await Promise.race([new Promise((done) => response.once('drain', done)), sleep(1_000)]);
      }
      return void response.end();
    }
  }
}
