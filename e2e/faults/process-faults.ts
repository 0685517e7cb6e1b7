/** Faults of processes: killed, frozen, told to stop, with a wrong clock. The supervisor starts again what dies. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { one, sql } from '@likeness/platform/db';
import { z } from 'zod';
import { childOf, during, patiently, processesOf, seconds, signal, someWorker, until, type Fault, type Victim } from './fault.ts';
import type { FaultRecord } from './history.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

/** Longer than a lease: who wakes then has lost its stage. */
const FROZEN_SECONDS = 20;
const HOUR_MS = 3_600_000;

const atOnce = (kind: string, { name, workerId }: Victim): FaultRecord => {
  const now = Date.now();
  return { kind, target: name, from: now, to: now, ...(workerId === undefined ? {} : { workerId }) };
};

const process1 = (world: World, name: string): Victim | undefined => processesOf(world).find((process) => process.name === name);

function killing(kind: string, how: NodeJS.Signals, find: (world: World, random: Random) => Promise<Victim | undefined>): Fault {
  return {
    kind,
    lasts: 1,
    inject: async (world, random) => {
      const victim = await find(world, random);
      return victim && signal(victim.pid, how) ? atOnce(kind, victim) : undefined;
    },
  };
}

async function someChild(world: World, random: Random): Promise<Victim | undefined> {
  const worker = await someWorker(world, random);
  const pid = worker && childOf(worker.pid);
  return worker && pid !== undefined ? { name: `${worker.name}'s child`, pid } : undefined;
}

async function freeze(kind: string, victim: Victim | undefined): Promise<FaultRecord | undefined> {
  if (!victim || !signal(victim.pid, 'SIGSTOP')) return undefined;
  const record = atOnce(kind, victim);
  await seconds(FROZEN_SECONDS);
  signal(victim.pid, 'SIGCONT');
  return { ...record, to: Date.now() };
}

export const processFaults: readonly Fault[] = [
  killing('kill -9 api', 'SIGKILL', async (world) => process1(world, 'api')),
  killing('kill -9 dispatcher', 'SIGKILL', async (world) => process1(world, 'dispatcher')),
  killing('kill -9 worker', 'SIGKILL', someWorker),
  killing('kill -9 inference', 'SIGKILL', someChild),
  killing('SIGTERM api', 'SIGTERM', async (world) => process1(world, 'api')),
  killing('SIGTERM dispatcher', 'SIGTERM', async (world) => process1(world, 'dispatcher')),
  killing('SIGTERM worker', 'SIGTERM', someWorker),
  {
    kind: 'freeze worker',
    lasts: FROZEN_SECONDS,
    inject: async (world, random) => freeze('freeze worker', await someWorker(world, random)),
  },
  {
    kind: 'freeze inference',
    lasts: FROZEN_SECONDS,
    inject: async (world, random) => freeze('freeze inference', await someChild(world, random)),
  },
  { kind: 'freeze dispatcher', lasts: FROZEN_SECONDS, inject: async (world) => freeze('freeze dispatcher', process1(world, 'dispatcher')) },
  { kind: 'zombie', profile: 'distributed', lasts: 45, inject: wakeZombie },
  { kind: 'clock jump', lasts: 15, inject: jumpClock },
];

/** The wall clock of a worker is an hour off for a while. */
async function jumpClock(world: World, random: Random): Promise<FaultRecord | undefined> {
  const victim = await someWorker(world, random);
  if (!victim) return undefined;
  const set = async (shift: number) => {
    await writeFile(join(world.clocks, String(victim.pid)), String(shift));
    signal(victim.pid, 'SIGUSR2');
  };
  const shift = random.pick([-HOUR_MS, HOUR_MS]);
  return during('clock jump', `${victim.name} by ${shift / HOUR_MS} h`, async () => {
    await set(shift);
    await seconds(random.between(8, 15));
    await set(0);
  });
}

const Holder = z.object({ id: z.string(), class: z.string(), pid: z.number() });

/** The worker that holds the last stage of a generation, other than one; undefined when there is none for 20 s. */
async function holderOf({ db }: World, generationId: string, other = ''): Promise<Victim | undefined> {
  let holder: z.infer<typeof Holder> | null = null;
  const held = sql`SELECT w.id, w.class, w.pid FROM stage s JOIN worker w ON w.id = s.worker_id
                    WHERE s.generation_id = ${generationId} AND s.name = 'sample' AND s.status = 'processing' AND w.id <> ${other}`;
  await until(async () => (holder = await one(db, Holder, held)) !== null, 20_000, 5);
  const { id, class: name, pid } = (holder as z.infer<typeof Holder> | null) ?? {};
  return id === undefined || pid === undefined ? undefined : { name: `${name}-worker`, pid, workerId: id };
}

/**
 * A worker is frozen in the middle of a stage until another one has taken the stage over; that one is frozen in its turn, and the first
 * one wakes with the finished result of its child in hand, beside a stage that is at work under another attempt.
 */
async function wakeZombie(world: World, random: Random): Promise<FaultRecord | undefined> {
  const uploads = await patiently(() =>
    one(world.db, z.object({ id: z.string() }), sql`SELECT id FROM upload WHERE status = 'ready' ORDER BY id LIMIT 1`),
  );
  const order = `zombie-${random.between(0, 2 ** 31)}`;
  const input = { reference_images: [uploads?.id ?? ''], prompt: 'a person', pack: 'sketch', steps: 12, num_images: 1 };
  const made = await world.client.create(input, { metadata: { order }, priority: 'high' }).catch(() => undefined);
  const zombie = made && (await holderOf(world, made.id));
  if (!zombie || !signal(zombie.pid, 'SIGSTOP')) return undefined;
  const record = atOnce('zombie', zombie);
  const heir = await holderOf(world, made.id, zombie.workerId);
  if (heir) signal(heir.pid, 'SIGSTOP');
  signal(zombie.pid, 'SIGCONT');
  // Long enough to commit, were it allowed to, and no longer than the heir's own lease.
  if (heir) await seconds(6);
  if (heir) signal(heir.pid, 'SIGCONT');
  return heir && { ...record, to: Date.now() };
}
