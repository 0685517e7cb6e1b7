/**
 * `npm run lint`: everything that judges the code without running it. `npm run lint -- --fix` repairs what can be repaired.
 *
 *   format  Prettier            types  tsc over the whole tree, tests and tools included
 *   rules   ESLint              fences what no linter knows (tools/fences.ts)
 */
import { fenceViolations, readTree } from './fences.ts';
import { type CommandResult, forwardSignals, root, run } from './processes.ts';

const fix = process.argv.includes('--fix');
const started = performance.now();
let failed = false;

forwardSignals();
// The boundaries rule is silently skipped when Nx has no project graph in its cache; this makes one.
report('graph', await run('nx', ['show', 'projects'], { output: 'keep' }));
report('format', await run('prettier', [fix ? '--write' : '--check', '--log-level=warn', '.'], { output: 'keep' }));
// Two at a time fill two cores; each prints when it is done.
await Promise.all([
  run('eslint', ['--max-warnings=0', ...(fix ? ['--fix'] : []), '.'], { output: 'keep' }).then((result) => report('rules', result)),
  run('tsc', ['-p', 'tsconfig.json'], { output: 'keep' }).then((result) => report('types', result)),
]);
const fencesStarted = performance.now();
const violations = fenceViolations(readTree(root));
report('fences', { code: violations.length, output: violations.join('\n'), seconds: (performance.now() - fencesStarted) / 1000 });

console.log(`lint ${failed ? 'failed' : 'passed'} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
process.exitCode = failed ? 1 : 0;

function report(name: string, { code, output, seconds }: CommandResult): void {
  console.log(`${code === 0 ? '✓' : '✗'} ${name.padEnd(7)} ${seconds.toFixed(1)} s`);
  if (code === 0) return;
  failed = true;
  console.log(output.trimEnd());
}
