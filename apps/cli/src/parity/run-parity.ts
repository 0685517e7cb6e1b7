import { access, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ParityCase } from './case.ts';
import { compareOutputs, type Verdict } from './compare.ts';
import { kinds } from './kinds/index.ts';

/**
 * Runs golden cases: each folder is a case, or holds cases at any depth. Prints one line per case (`pass` or `fail`, name, kind,
 * worst error, allowed error, torch's own float32 error, seconds), reasons under a failure, and a closing count.
 * Returns the exit code: 1 when a case fails, is of an unknown kind, or when there is none.
 */
export async function runParity(folders: readonly string[], print: (line: string) => void = console.log): Promise<0 | 1> {
  let passed = 0;
  let failed = 0;
  for (const folder of (await Promise.all(folders.map((f) => caseFolders(resolve(f))))).flat()) {
    const { name, kind, torchError, failures, shown, seconds } = await runCase(folder);
    if (failures.length === 0) passed += 1;
    else failed += 1;
    const columns = [
      shown && figure(shown.error),
      shown && figure(shown.allowed),
      torchError === undefined ? undefined : figure(torchError),
      seconds.toFixed(2),
    ];
    print([failures.length === 0 ? 'pass' : 'fail', name, kind, ...columns.map((column) => column ?? '-')].join(' '));
    for (const failure of failures) print(`     ${failure}`);
  }
  print(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

interface Outcome {
  readonly name: string;
  readonly kind: string;
  readonly torchError: number | undefined;
  readonly failures: readonly string[];
  /** The output nearest to, or furthest beyond, its bound. */
  readonly shown: Verdict | undefined;
  readonly seconds: number;
}

export async function runCase(folder: string): Promise<Outcome> {
  const started = performance.now();
  let c: ParityCase | undefined;
  let verdicts: Verdict[] = [];
  let failures: string[];
  try {
    c = await ParityCase.load(folder);
    const run = Object.hasOwn(kinds, c.kind) ? kinds[c.kind] : undefined;
    if (!run) throw new Error(`Unknown kind "${c.kind}".`);
    verdicts = await compareOutputs(c, await run(c));
    failures = verdicts.flatMap((verdict) => (verdict.reason ? [`${verdict.output} ${verdict.reason}`] : []));
  } catch (error) {
    failures = [error instanceof Error ? error.message : String(error)];
  }
  const [shown] = verdicts.toSorted((a, b) => closeness(b) - closeness(a));
  const seconds = (performance.now() - started) / 1000;
  return { name: c?.name ?? folder, kind: c?.kind ?? '-', torchError: c?.torchError, failures, shown, seconds };
}

const closeness = ({ error, allowed, reason }: Verdict): number => (reason ? Infinity : error / Math.max(allowed, Number.MIN_VALUE));
const figure = (value: number): string => (value === 0 ? '0' : Number.isFinite(value) ? value.toExponential(2) : 'inf');

async function caseFolders(folder: string): Promise<string[]> {
  if (
    await access(join(folder, 'case.json')).then(
      () => true,
      () => false,
    )
  )
    return [folder];
  const entries = await readdir(folder, { withFileTypes: true });
  const inner = entries.filter((entry) => entry.isDirectory()).map((entry) => join(folder, entry.name));
  return (await Promise.all(inner.toSorted().map(caseFolders))).flat();
}
