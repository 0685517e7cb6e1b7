import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Random } from './random.ts';
import { randomFault, TcpProxy, type Fault } from './tcp-proxy.ts';

describe('the proxy', () => {
  let server: Server;
  let served: Socket[];
  let proxy: TcpProxy;
  const clients: Socket[] = [];

  beforeEach(async () => {
    served = [];
    // An echo that says good-bye when it is told that nothing more comes.
    server = createServer({ allowHalfOpen: true }, (socket) => {
      served.push(socket);
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => socket.write(chunk));
      socket.on('end', () => socket.end('bye'));
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    proxy = await TcpProxy.start((server.address() as { port: number }).port);
  });

  afterEach(async () => {
    for (const socket of [...clients.splice(0), ...served]) socket.destroy();
    await proxy.close();
    await new Promise((done) => server.close(done));
  });

  /** A client, and everything that it has met. */
  const client = async () => {
    const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
    const met = { text: '', ended: false, error: undefined as string | undefined };
    socket.on('data', (chunk) => (met.text += chunk.toString()));
    socket.on('end', () => (met.ended = true));
    socket.on('error', (error: NodeJS.ErrnoException) => (met.error = error.code));
    clients.push(socket);
    await new Promise<void>((done) => socket.once('connect', done).once('close', () => done()));
    return { socket, met };
  };
  const said = async (fault: Fault, text: string) => {
    const { socket, met } = await client();
    proxy.set(fault);
    socket.write(text);
    return { socket, met };
  };

  it('passes bytes and ends both ways while nothing is wrong', async () => {
    const { socket, met } = await said({}, 'x'.repeat(300_000));
    await expect.poll(() => met.text.length).toBe(300_000);
    socket.end();
    await expect.poll(() => met.ended).toBe(true);
    expect(met.text.endsWith('bye')).toBe(true);
    await expect.poll(() => proxy.connections).toBe(0);
  });

  it('delays one direction, in order', async () => {
    const start = performance.now();
    const { socket, met } = await said({ down: { delayMs: 200 } }, 'one ');
    socket.write('two');
    await expect.poll(() => met.text).toBe('one two');
    expect(performance.now() - start).toBeGreaterThan(190);
    expect(performance.now() - start).toBeLessThan(2_000);
  });

  it('lets no more than so many bytes pass in a second', async () => {
    const start = performance.now();
    const { met } = await said({ up: { bytesPerSecond: 10_000 } }, 'x'.repeat(3_000));
    await expect.poll(() => met.text.length).toBe(3_000);
    expect(performance.now() - start).toBeGreaterThan(280);
  });

  it('swallows bytes, and resets what has lost some when it is healed', async () => {
    const { met } = await said({ up: { blackhole: true } }, 'lost');
    const untouched = await client();
    await sleep(100);
    expect(met).toEqual({ text: '', ended: false, error: undefined });
    proxy.heal();
    await expect.poll(() => met.error).toBe('ECONNRESET');
    untouched.socket.write('kept');
    await expect.poll(() => untouched.met.text).toBe('kept');
  });

  it('resets in the middle of an answer: the request has arrived, its answer has not', async () => {
    const { met } = await said({ down: { cut: 'reset', afterBytes: 2 } }, 'hello');
    await expect.poll(() => met.error).toBe('ECONNRESET');
    expect('hello'.startsWith(met.text)).toBe(true); // a RST may take with it what was not read yet
    expect(met.text.length).toBeLessThanOrEqual(2);
    expect(served[0]?.bytesRead).toBe(5);
  });

  it('resets before a request arrives', async () => {
    const { met } = await said({ up: { cut: 'reset' } }, 'hello');
    await expect.poll(() => met.error).toBe('ECONNRESET');
    expect(served[0]?.bytesRead ?? 0).toBe(0);
  });

  it('drops a connection with a FIN', async () => {
    const { met } = await said({ down: { cut: 'drop', afterBytes: 2 } }, 'hello');
    await expect.poll(() => met.ended).toBe(true);
    expect(met).toEqual({ text: 'he', ended: true, error: undefined });
    await expect.poll(() => served[0]?.destroyed).toBe(true);
  });

  it('closes one half and leaves the other one', async () => {
    const { socket, met } = await said({ up: { cut: 'half-close', afterBytes: 3 } }, 'hello');
    await expect.poll(() => met.text).toBe('helbye'); // the server has seen the end, and its answers still came
    expect(socket.destroyed).toBe(false);
  });

  it('refuses, and follows a server that has moved', async () => {
    proxy.set({ refuse: true });
    const refused = await client();
    await expect.poll(() => refused.met.error).toBe('ECONNRESET');
    const other = createServer((socket) => socket.on('error', () => undefined).end('here')).listen(0, '127.0.0.1');
    await once(other, 'listening');
    proxy.heal();
    proxy.retarget((other.address() as { port: number }).port);
    const { met } = await client();
    await expect.poll(() => met.text).toBe('here');
    other.close();
  });

  it('ends every connection at once', async () => {
    const { met } = await said({}, 'hello');
    await expect.poll(() => met.text).toBe('hello');
    proxy.resetAll();
    await expect.poll(() => met.error).toBe('ECONNRESET');
  });
});

it('the same seed gives the same faults, in all kinds', () => {
  const drawn = (seed: number) => {
    const random = new Random(seed);
    return Array.from({ length: 200 }, () => randomFault(random));
  };
  expect(drawn(7)).toEqual(drawn(7));
  expect(drawn(8)).not.toEqual(drawn(7));
  const kinds = new Set(drawn(7).map(({ name }) => name.split(' ')[0]));
  expect([...kinds].sort()).toEqual(['bandwidth', 'blackhole', 'delay', 'drop', 'half-close', 'refuse', 'reset']);
});
