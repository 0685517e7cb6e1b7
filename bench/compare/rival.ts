/** The same work done by PyTorch and Pillow, in a Python process that `rival.py` serves; only for `--compare PYTHON`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface Rival {
  readonly subjects: readonly string[];
  /** Versions and threads. */
  readonly about: Readonly<Record<string, unknown>>;
  /** Milliseconds of one call, as measured in Python. */
  time(subject: string): Promise<number>;
  stop(): Promise<void>;
}

/** Resolves when every subject has run once. */
export async function startRival(python: string, benchmark: string, parameters: Readonly<Record<string, unknown>>): Promise<Rival> {
  const script = fileURLToPath(new URL('./rival.py', import.meta.url));
  const child = spawn(python, [script, benchmark, JSON.stringify(parameters)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${python} ${script} ${benchmark} ended before its answer.`);
    return value;
  };
  const { subjects, ...about } = JSON.parse(await answer()) as { subjects: string[] };
  return {
    subjects,
    about,
    async time(subject) {
      child.stdin.write(`${subject}\n`);
      return Number(await answer());
    },
    async stop() {
      child.stdin.end();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

/** Both sides in turns, so that what else happens on the machine strikes all alike. Our times come first. */
export async function inTurns(
  runs: number,
  ours: () => Promise<void>,
  rival: Rival | undefined,
  others: Readonly<Record<string, () => Promise<void>>> = {},
) {
  for (const work of [ours, ...Object.values(others)]) await work();
  const times: number[] = [];
  const parts: Record<string, number[]> = {};
  for (let i = 0; i < runs; i++) {
    times.push(await timeOf(ours));
    for (const [name, work] of Object.entries(others)) (parts[name] ??= []).push(await timeOf(work));
    for (const subject of rival?.subjects ?? []) (parts[subject] ??= []).push(await rival!.time(subject));
  }
  return { times, parts };
}

async function timeOf(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
