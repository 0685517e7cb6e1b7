/**
 * A TCP proxy that misbehaves on demand. It stands between two parts of the system; each direction has its own rules, which may
 * change at any time and then hold for the connections that are open, too.
 */
import { createServer, connect, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from './random.ts';

export interface Rules {
  /** Every byte arrives this much later. */
  readonly delayMs?: number;
  readonly bytesPerSecond?: number;
  /** Bytes are swallowed; the connection looks alive. */
  readonly blackhole?: boolean;
  /**
   * What the next bytes meet instead of their receiver: `reset` ends the connection for both with a RST, `drop` with a FIN,
   * `half-close` ends this direction only. `afterBytes` lets that many bytes of each connection pass first.
   */
  readonly cut?: 'reset' | 'drop' | 'half-close';
  readonly afterBytes?: number;
}

export interface Fault {
  /** From the one who connects. */
  readonly up?: Rules;
  /** Back to the one who connects. */
  readonly down?: Rules;
  /** New connections are reset. */
  readonly refuse?: boolean;
}

/** No more bytes than this wait inside; beyond it the sender waits. */
const MOST_WAITING = 1 << 20;

export class TcpProxy {
  readonly #server: Server;
  readonly #open = new Set<Connection>();
  #target: number;
  #fault: Fault = {};

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.#target = target;
    server.on('connection', (client) => this.#accept(client));
  }

  /** Listens on a free loopback port; `target` is a loopback port, too. */
  static async start(target: number): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    const proxy = new TcpProxy(server, target);
    await new Promise<void>((done, failed) => server.once('error', failed).listen(0, '127.0.0.1', done));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  get connections(): number {
    return this.#open.size;
  }

  /** From now on, until the next fault or `heal`. */
  set(fault: Fault): void {
    this.#fault = fault;
  }

  /** Connections that have lost bytes meanwhile are reset: their streams have holes. */
  heal(): void {
    this.#fault = {};
    for (const connection of this.#open) if (connection.damaged) connection.reset();
  }

  /** Ends every open connection with a RST to both sides. */
  resetAll(): void {
    for (const connection of this.#open) connection.reset();
  }

  /** New connections go there. */
  retarget(port: number): void {
    this.#target = port;
  }

  async close(): Promise<void> {
    const closed = new Promise((done) => this.#server.close(done));
    this.resetAll();
    await closed;
  }

  #accept(client: Socket): void {
    if (this.#fault.refuse === true) return void client.on('error', () => undefined).resetAndDestroy();
    const upstream = connect({ port: this.#target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const connection = new Connection(client, upstream, () => this.#fault);
    this.#open.add(connection);
    void connection.ended.then(() => this.#open.delete(connection));
  }
}

class Connection {
  readonly ended: Promise<void>;
  /** Bytes were swallowed. */
  damaged = false;
  readonly #client: Socket;
  readonly #upstream: Socket;

  constructor(client: Socket, upstream: Socket, fault: () => Fault) {
    this.#client = client;
    this.#upstream = upstream;
    const closed = [client, upstream].map((socket) => new Promise<void>((done) => socket.once('close', () => done())));
    this.ended = Promise.all(closed).then(() => undefined);
    // A side that broke takes the other one with it; one that ended is passed on by the pump.
    for (const socket of [client, upstream]) socket.on('error', () => this.reset());
    this.#pump(client, upstream, () => fault().up ?? {});
    this.#pump(upstream, client, () => fault().down ?? {});
  }

  reset(): void {
    for (const socket of [this.#client, this.#upstream]) if (!socket.destroyed) socket.resetAndDestroy();
  }

  #pump(from: Socket, to: Socket, rules: () => Rules): void {
    let waiting = 0;
    let passed = 0;
    let tail = Promise.resolve();
    const later = (work: () => Promise<void> | void) => (tail = tail.then(work));
    from.on('data', (chunk: Buffer) => {
      const due = performance.now() + (rules().delayMs ?? 0);
      waiting += chunk.length;
      if (waiting > MOST_WAITING) from.pause();
      void later(async () => {
        passed = await this.#pass(chunk, to, due, rules, passed);
        waiting -= chunk.length;
        from.resume();
      });
    });
    from.on('end', () => void later(() => void to.end()));
  }

  /** Sends a chunk on by the rules of this moment; returns how many bytes have passed now. */
  async #pass(chunk: Buffer, to: Socket, due: number, rules: () => Rules, passed: number): Promise<number> {
    const early = due - performance.now();
    if (early > 0) await sleep(early);
    const { bytesPerSecond, blackhole, cut, afterBytes = 0 } = rules();
    if (blackhole === true) this.damaged = true;
    if (this.damaged && blackhole !== true) this.reset();
    if (this.damaged || to.destroyed) return passed;
    const allowed = cut === undefined ? chunk.length : Math.min(chunk.length, Math.max(0, afterBytes - passed));
    if (bytesPerSecond !== undefined) await sleep((allowed / bytesPerSecond) * 1_000);
    if (allowed > 0 && to.writable) to.write(chunk.subarray(0, allowed));
    if (allowed < chunk.length) this.#cut(cut, to);
    return passed + allowed;
  }

  #cut(how: Rules['cut'], to: Socket): void {
    if (how === 'reset') return this.reset();
    to.end();
    if (how === 'drop') for (const socket of [this.#client, this.#upstream]) socket.destroySoon();
  }
}

/** One of the ways in which a network can be bad, and what to call it. */
export function randomFault(random: Random): { readonly name: string; readonly fault: Fault } {
  const side = random.pick(['up', 'down'] as const);
  const rules: readonly [string, Rules][] = [
    ['delay', { delayMs: random.between(200, 3_000) }],
    ['bandwidth', { bytesPerSecond: random.between(2_000, 20_000) }],
    ['blackhole', { blackhole: true }],
    ['reset', { cut: 'reset', afterBytes: random.between(0, 2_000) }],
    ['drop', { cut: 'drop', afterBytes: random.between(0, 2_000) }],
    ['half-close', { cut: 'half-close', afterBytes: random.between(0, 2_000) }],
  ];
  if (random.chance(0.1)) return { name: 'refuse', fault: { refuse: true } };
  const [name, chosen] = random.pick(rules);
  return { name: `${name} ${side}`, fault: { [side]: chosen } };
}
