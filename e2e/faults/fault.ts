/** What every fault is made of, and how a fault finds its victim. */
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { many, sql } from '@likeness/platform/db';
import { z } from 'zod';
import type { FaultRecord } from './history.ts';
import type { Random } from './random.ts';
import type { Profile, World } from './world.ts';

export interface Fault {
  readonly kind: string;
  /** Where it can happen; everywhere when absent. */
  readonly profile?: Profile;
  /** Seconds until it is taken back, at most: a run that ends sooner leaves it out. */
  readonly lasts: number;
  /** Undefined when there was nothing to hit. Whatever it has done is undone when it resolves. */
  inject(world: World, random: Random): Promise<FaultRecord | undefined>;
}

export interface Victim {
  readonly name: string;
  readonly pid: number;
  /** Of a worker. */
  readonly workerId?: string;
}

/** The processes that the supervisor keeps alive. */
export function processesOf(world: World): Victim[] {
  return Object.entries(world.stack.connection().pids).flatMap(([name, pids]) => [pids ?? []].flat().map((pid) => ({ name, pid })));
}

const WorkerRow = z.object({ id: z.string(), class: z.string(), pid: z.number() });

/** Live workers by their rows, those that hold a stage first. */
export async function workersOf({ db }: World): Promise<Victim[]> {
  const rows = await patiently(() =>
    many(
      db,
      WorkerRow,
      sql`SELECT w.id, w.class, w.pid FROM worker w WHERE seen_at > now() - interval '6 seconds'
           ORDER BY EXISTS (SELECT FROM stage s WHERE s.worker_id = w.id AND s.status = 'processing') DESC, w.id`,
    ),
  );
  return rows.filter(({ pid }) => isAlive(pid)).map(({ id, class: name, pid }) => ({ name: `${name}-worker`, pid, workerId: id }));
}

/** A worker that is at work, if chance and the moment allow. */
export async function someWorker(world: World, random: Random): Promise<Victim | undefined> {
  const workers = await workersOf(world);
  if (workers.length === 0) return undefined;
  return random.chance(0.7) ? workers[0] : random.pick(workers);
}

/** The inference process of a worker. */
export function childOf(pid: number): number | undefined {
  const rows = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
  return rows.map((row) => row.trim().split(/\s+/).map(Number)).find(([, parent]) => parent === pid)?.[0];
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Sends a signal. False when the process has gone already. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}

export const seconds = (count: number): Promise<void> => sleep(count * 1_000);

/** A fault that lasts while `work` runs. */
export async function during(kind: string, target: string, work: () => Promise<void>): Promise<FaultRecord> {
  const from = Date.now();
  await work();
  return { kind, target, from, to: Date.now() };
}

/** The run's own questions may meet the faults, too: they are asked again. */
export async function patiently<T>(ask: () => Promise<T>, forMs = 60_000): Promise<T> {
  for (const deadline = Date.now() + forMs; ;) {
    try {
      return await ask();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(250);
    }
  }
}

/** Whether something became true in time. */
export async function until(holds: () => Promise<boolean>, forMs: number, everyMs = 100): Promise<boolean> {
  for (const deadline = Date.now() + forMs; Date.now() < deadline; await sleep(everyMs)) if (await holds().catch(() => false)) return true;
  return false;
}
