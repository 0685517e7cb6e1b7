/** What a job costs each process: processor time from the kernel, which a busy machine does not falsify as it does latencies. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Stack } from '../tools/stack/stack.ts';

const TICK_MS = 10; // USER_HZ is 100 wherever Linux runs Node

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  readonly milliseconds: number;
}

/** Milliseconds so far: per app with its inference processes, and per program beside them (postgres, redis-server, minio). */
export function cpuTimes(stack: Stack): Map<string, number> {
  const processes = readdirSync('/proc').flatMap((entry) => (/^\d+$/.test(entry) ? readProcess(Number(entry)) : []));
  const apps = new Map(
    Object.entries(stack.connection().pids).flatMap(([app, pids]) => [pids ?? []].flat().map((pid) => [pid, app] as const)),
  );
  const byPid = new Map(processes.map((one) => [one.pid, one]));
  const times = new Map<string, number>();
  for (const one of processes) {
    const label = labelOf(one, apps, byPid);
    if (label !== undefined) times.set(label, (times.get(label) ?? 0) + one.milliseconds);
  }
  return times;
}

/** Milliseconds per job of each process between two readings. */
export function cpuPerJob(before: Map<string, number>, after: Map<string, number>, jobs: number): Record<string, number[]> {
  return Object.fromEntries([...after].map(([label, time]) => [`cpu of ${label}, ms per job`, [(time - (before.get(label) ?? 0)) / jobs]]));
}

/** Undefined for what is not of this benchmark; this process itself, the clients, is `clients`. */
function labelOf(one: Process, apps: ReadonlyMap<number, string>, byPid: ReadonlyMap<number, Process>): string | undefined {
  if (one.pid === process.pid) return 'clients';
  for (let up: Process | undefined = one; up && up.pid !== 1; up = byPid.get(up.parent)) {
    const app = apps.get(up.pid);
    if (app !== undefined) return app;
    if (up.parent === process.pid) return one.name;
  }
  return undefined;
}

function readProcess(pid: number): Process[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
    return [{ pid, parent: Number(fields[1]), name, milliseconds: (Number(fields[11]) + Number(fields[12])) * TICK_MS }];
  } catch {
    return []; // it has ended meanwhile
  }
}
