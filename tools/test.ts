/**
 * `npm test`: every rung that can run here, then the totals. `npm test -- unit` runs one rung, `npm test -- libs/graph` one
 * folder, `npm test -- medium queue -t "claims once"` passes the rest on to Vitest.
 *
 * The last line is an interface: `N passed, N failed`, followed by `, N skipped` when something was skipped.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { forwardSignals, run, wasInterrupted } from './processes.ts';
import { provideTestServers } from './test-servers.ts';
import { addTotals, closingLine, nothing, type Totals, totalsOf, type VitestReport } from './test-totals.ts';

/** From the quickest to the slowest; what a test may touch decides its rung (CONTRIBUTING.md). */
const rungs = ['unit', 'medium', 'parity', 'e2e'];
const usesServers = ['medium', 'e2e'];
const args = process.argv.slice(2);
const named = rungs.filter((rung) => args.includes(rung));
const chosen = named.length > 0 ? named : rungs;
const rest = args.filter((arg) => !named.includes(arg));

forwardSignals();
const reports = mkdtempSync(join(tmpdir(), 'likeness-test-'));
const results = new Map<string, Totals>();
try {
  await runAll();
} finally {
  rmSync(reports, { recursive: true });
}

const totals = [...results.values()].reduce(addTotals, nothing);
console.log('');
for (const [suite, suiteTotals] of results) console.log(`${suite.padEnd(8)} ${closingLine(suiteTotals)}`);
const empty = totals.passed + totals.failed + totals.skipped === 0;
if (empty) console.log(`no test matches: ${args.join(' ')}`);
process.exitCode = totals.failed > 0 || empty || wasInterrupted() ? 1 : 0;
console.log(closingLine(totals));

async function runAll(): Promise<void> {
  if (chosen.includes('unit')) await runRung('unit', {});
  if (chosen.every((rung) => rung === 'unit') || wasInterrupted()) return;

  // The other rungs start processes of the built packages.
  const build = await run('nx', ['run-many', '--targets=build', '--output-style=static'], { output: 'keep' });
  if (build.code !== 0) {
    console.log(build.output);
    results.set('build', { ...nothing, failed: 1 });
    return;
  }
  const later = chosen.filter((rung) => rung !== 'unit');
  const servers = later.some((rung) => usesServers.includes(rung)) ? await provideTestServers() : undefined;
  try {
    reportMissing(servers?.missing ?? []);
    for (const rung of later) if (!wasInterrupted()) await runRung(rung, servers?.env ?? {});
  } finally {
    await servers?.stop();
  }
}

/** On CI a missing server is a failure; elsewhere the suites that need it skip themselves, and nobody shall overlook that. */
function reportMissing(missing: readonly string[]): void {
  for (const what of missing) console.log(`\n!!! ${what}\n!!! The tests that need it are skipped.\n`);
  if (process.env['CI'] === 'true' && missing.length > 0) results.set('servers', { ...nothing, failed: missing.length });
}

async function runRung(rung: string, env: Record<string, string>): Promise<void> {
  const file = join(reports, `${rung}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  console.log(`\n── ${rung} ${'─'.repeat(60 - rung.length)}`);
  const { code } = await run('vitest', ['run', '--project', rung, '--passWithNoTests', ...reporters, ...rest], { env });
  results.set(rung, totalsOf(readReport(file), code));
}

/** Vitest writes no report when it breaks before the first test. */
function readReport(file: string): VitestReport | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as VitestReport;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
