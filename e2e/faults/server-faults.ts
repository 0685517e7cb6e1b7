/** Faults of the servers and of the ways to them. */
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { flow } from '@likeness/generation';
import { many, openDb, sql } from '@likeness/platform/db';
import { z } from 'zod';
import { during, patiently, processesOf, seconds, signal, until, type Fault } from './fault.ts';
import { OBJECT_FAULTS } from './object-store-faults.ts';
import { randomFault } from './tcp-proxy.ts';
import type { Border, World } from './world.ts';

export const serverFaults: readonly Fault[] = [
  {
    kind: 'redis kill -9',
    profile: 'distributed',
    lasts: 4,
    inject: (world, random) =>
      during('redis kill -9', 'redis', async () => {
        await world.redis?.kill();
        await seconds(random.between(1, 3));
        await world.redis?.start();
      }),
  },
  {
    kind: 'redis FLUSHALL',
    profile: 'distributed',
    lasts: 1,
    inject: (world) => during('redis FLUSHALL', 'redis', () => redisCommand(world, 'FLUSHALL')),
  },
  {
    kind: 'queue emptied',
    profile: 'embedded',
    lasts: 1,
    inject: (world) => during('queue emptied', 'postgres', () => emptyQueues(world)),
  },
  { kind: 'redis evicts', profile: 'distributed', lasts: 25, inject: evictionPolicy },
  {
    kind: 'redis 3 s late',
    profile: 'distributed',
    lasts: 10,
    inject: (world) => during('redis 3 s late', 'redis', () => delayed(world, 'redis', 1_500, 10)),
  },
  {
    kind: 'postgres crash',
    lasts: 6,
    inject: (world, random) =>
      during('postgres crash', 'postgres', async () => {
        await patiently(() => world.postgres.crash(world.db));
        await seconds(random.between(0, 3));
        await world.postgres.start();
      }),
  },
  {
    kind: 'postgres reply lost',
    lasts: 6,
    inject: (world, random) =>
      during('postgres reply lost', 'postgres', async () => {
        for (let i = 0; i < 5; i++) {
          world.proxies.postgres?.set({ down: { cut: 'reset' } }); // the statement is done, its answer never comes
          await seconds(random.between(50, 200) / 1_000);
          world.proxies.postgres?.heal();
          await seconds(1);
        }
      }),
  },
  { kind: 'postgres full', lasts: 10, inject: (world) => during('postgres full', 'postgres', () => exhaustConnections(world)) },
  {
    kind: 'start beside a full postgres',
    lasts: 15,
    inject: (world, random) =>
      during('start beside a full postgres', 'dispatcher and a worker', () =>
        exhaustConnections(world, async () => {
          for (const victim of [processesOf(world).find(({ name }) => name === 'dispatcher'), random.pick(processesOf(world).slice(2))])
            if (victim) signal(victim.pid, 'SIGKILL');
          await seconds(5);
        }),
      ),
  },
  { kind: 'deadlock', lasts: 10, inject: (world) => during('deadlock', 'postgres', () => deadlock(world)) },
  ...OBJECT_FAULTS.map((fault): Fault => ({
    kind: `objects ${fault}`,
    profile: 'distributed',
    lasts: 15,
    inject: (world, random) =>
      during(`objects ${fault}`, 's3', async () => {
        if (!world.objects) return;
        world.objects.fault = fault;
        await seconds(random.between(3, 15));
        world.objects.fault = undefined;
      }),
  })),
  {
    kind: 'objects down for a minute',
    profile: 'distributed',
    lasts: 60,
    inject: (world) =>
      during('objects down for a minute', 's3', async () => {
        world.proxies.s3?.set({ refuse: true });
        world.proxies.s3?.resetAll();
        await seconds(60);
        world.proxies.s3?.heal();
      }),
  },
  ...(['postgres', 'redis', 's3', 'receivers'] as const).map((border): Fault => ({
    kind: `network to ${border}`,
    lasts: 10,
    ...(border === 'redis' || border === 's3' ? { profile: 'distributed' as const } : {}),
    inject: (world, random) => {
      const { name, fault } = randomFault(random);
      return during(`network to ${border}`, `${border}: ${name}`, async () => {
        world.proxies[border]?.set(fault);
        await seconds(random.between(2, 10));
        world.proxies[border]?.heal();
      });
    },
  })),
  {
    kind: 'delivered twice',
    lasts: 5,
    inject: (world, random) =>
      during('delivered twice', 'queue', async () => {
        for (let i = 0; i < 10; i++) {
          await deliverTwice(world, `${random.between(0, 2 ** 31)}`);
          await seconds(0.5);
        }
      }),
  },
];

async function delayed({ proxies }: World, border: Border, delayMs: number, lasts: number): Promise<void> {
  proxies[border]?.set({ up: { delayMs }, down: { delayMs } });
  await seconds(lasts);
  proxies[border]?.heal();
}

/** An inline command, past the proxy. */
async function redisCommand({ redis }: World, command: string): Promise<void> {
  if (!redis) throw new Error('there is no Redis');
  const socket = connect(Number(new URL(redis.url).port), '127.0.0.1');
  const answer = await new Promise<string>((done, failed) => {
    socket.once('error', failed).once('data', (chunk) => done(chunk.toString()));
    socket.write(`${command}\r\n`);
  });
  socket.destroy();
  if (!answer.startsWith('+OK')) throw new Error(`${command}: ${answer}`);
}

/** A Redis that may throw jobs away: the workers must say that they are not ready, and be ready again when it is set right. */
async function evictionPolicy(world: World) {
  const log = await readFile(join(world.stack.directory.path, 'logs', 'parsing-worker.log'), 'utf8');
  const port = /.*"port":(\d+)/s.exec(log)?.[1] ?? '0';
  const answers = (status: number) => async () =>
    (await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(2_000) })).status === status;
  if (!(await until(answers(200), 5_000))) return undefined; // it has just been restarted, say
  let broken: string | undefined;
  const record = await during('redis evicts', 'redis', async () => {
    await redisCommand(world, 'CONFIG SET maxmemory-policy allkeys-lru');
    if (!(await until(answers(503), 8_000))) broken = 'the parsing worker stayed ready under allkeys-lru';
    await redisCommand(world, 'CONFIG SET maxmemory-policy noeviction');
    if (!(await until(answers(200), 10_000))) broken ??= 'the parsing worker did not become ready again';
  });
  return broken === undefined ? record : { ...record, broken };
}

/** What FLUSHALL is to Redis: every job of the queue is gone. */
async function emptyQueues({ db }: World): Promise<void> {
  await patiently(() => db.pool.query('DELETE FROM bullmq.job'));
}

/** Takes every connection that the server has, for a few seconds. */
async function exhaustConnections({ postgres, proxies }: World, meanwhile: () => Promise<void> = () => seconds(5)): Promise<void> {
  const url = proxies.postgres && postgres.urlThrough(proxies.postgres);
  if (url === undefined) return;
  const hog = openDb(url, { max: 250, name: 'likeness-faults-hog' });
  let over = false;
  const take = async () => {
    const taken = await hog.pool.connect();
    while (!over) await seconds(0.1);
    taken.release(true);
  };
  const takers = Array.from({ length: 210 }, () => take().catch(() => undefined));
  await seconds(1);
  // Somebody else's connection that ends makes room for one more.
  const more = setInterval(() => takers.push(take().catch(() => undefined)), 50);
  await meanwhile();
  clearInterval(more);
  over = true;
  await Promise.all(takers);
  await hog.close();
}

const Waiting = z.object({ id: z.string(), generation_id: z.string(), name: z.enum(['parse', 'embed', 'sample']), queue: z.string() });
const stagesUnderWay = ({ db }: World, most: number) =>
  patiently(() =>
    many(
      db,
      Waiting,
      sql`SELECT id, generation_id, name, queue FROM stage WHERE status IN ('queued', 'processing') ORDER BY status = 'processing' DESC, queued_at LIMIT ${most}`,
    ),
  );

/** Locks a stage before its generation, against the order of everybody else. */
async function deadlock(world: World): Promise<void> {
  for (const { id, generation_id } of await stagesUnderWay(world, 4)) {
    const client = await patiently(() => world.db.pool.connect());
    client.on('error', () => undefined);
    try {
      await client.query('BEGIN');
      await client.query('SELECT FROM stage WHERE id = $1 FOR UPDATE', [id]);
      await seconds(0.4);
      await client.query('SELECT FROM generation WHERE id = $1 FOR UPDATE', [generation_id]);
    } catch {
      // It was us who was chosen to give way.
    } finally {
      client.release(true);
    }
  }
}

/** The same stage once more, as a message of its own. */
async function deliverTwice(world: World, mark: string): Promise<void> {
  for (const { id, name, queue } of await stagesUnderWay(world, 3))
    await world.queues[queue]?.add(flow[name].job, { stageId: id }, { jobId: `${id}-again-${mark}` }).catch(() => undefined); // the queue may be away
}
