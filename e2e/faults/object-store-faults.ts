/** An HTTP layer before the object store that fails as object stores do. What it does not spoil it passes on as it is. */
import { Agent, createServer, request as send, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

export const OBJECT_FAULTS = ['500', 'stored-but-silent', 'truncated', 'down'] as const;
/**
 * `500` answers without asking the store; `stored-but-silent` lets the store do it and never answers; `truncated` breaks off in the
 * middle of an answer's body; `down` ends every connection.
 */
export type ObjectFault = (typeof OBJECT_FAULTS)[number];

export class ObjectStoreFaults {
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #target: number;
  fault: ObjectFault | undefined;
  /** Requests that met a fault. */
  spoiled = 0;

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.#target = target;
    server.on('request', (request, response) => this.#serve(request, response));
  }

  static async start(target: number): Promise<ObjectStoreFaults> {
    const server = createServer();
    const layer = new ObjectStoreFaults(server, target);
    await new Promise<void>((done, failed) => server.once('error', failed).listen(0, '127.0.0.1', done));
    return layer;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  async close(): Promise<void> {
    const closed = new Promise((done) => this.#server.close(done));
    this.#server.closeAllConnections();
    this.#agent.destroy();
    await closed;
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { fault } = this;
    if (fault !== undefined) this.spoiled++;
    if (fault === 'down') return void request.socket.destroy();
    if (fault === '500') {
      request.resume();
      return void response.writeHead(500, { 'content-type': 'application/xml' }).end('<Error><Code>InternalError</Code></Error>');
    }
    // The headers as they came, with the Host that the signature covers.
    const forwarded = send({
      port: this.#target,
      host: '127.0.0.1',
      method: request.method,
      path: request.url,
      headers: request.headers,
      agent: this.#agent,
    });
    forwarded.once('response', (answer) => this.#answer(fault, answer, response));
    forwarded.on('error', () => response.destroy());
    response.once('close', () => response.writableFinished || forwarded.destroy());
    request.pipe(forwarded);
  }

  #answer(fault: ObjectFault | undefined, answer: IncomingMessage, response: ServerResponse): void {
    if (fault === 'stored-but-silent') return void answer.resume();
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    if (fault !== 'truncated' || !(Number(answer.headers['content-length']) > 1)) return void answer.pipe(response);
    answer.once('data', (chunk: Buffer) => {
      response.write(chunk.subarray(0, Math.floor(chunk.length / 2)), () => response.destroy());
      answer.destroy();
    });
  }
}
