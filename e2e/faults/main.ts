/** `npm run e2e:faults -- [--seed N] [--minutes M] [--profile embedded|distributed] [--rate N] [--only WORD,…] [--json FILE]`. Exit code 1: an invariant broke. */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { provideTestServers } from '../../tools/test-servers.ts';
import type { Profile } from './world.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    minutes: { type: 'string', default: '2' },
    profile: { type: 'string', default: 'distributed' },
    only: { type: 'string' },
    rate: { type: 'string', default: '1.5' },
    json: { type: 'string' },
  },
});

const number = (flag: 'seed' | 'minutes' | 'rate', least: number): number => {
  const value = Number(values[flag]);
  if (values[flag].trim() !== '' && value >= least) return value;
  console.error(`--${flag} takes a number from ${least}; got "${values[flag]}"`);
  process.exit(2);
};
const [seed, minutes, rate] = [number('seed', 0), number('minutes', 0.1), number('rate', 0.1)];
if (!['embedded', 'distributed'].includes(values.profile)) {
  console.error(`--profile is embedded or distributed; got "${values.profile}"`);
  process.exit(2);
}

const start = Date.now();
const say = (line: string) => console.log(`${new Date().toISOString().slice(11, 19)} ${line}`);
const servers = await provideTestServers();
Object.assign(process.env, servers.env); // which servers there are is read where they are started
const { runFaults } = await import('./run.ts');
const { printReport } = await import('./print-report.ts');
let code = 1;
try {
  say(`seed ${seed}`);
  const report = await runFaults({ seed, minutes, rate, profile: values.profile as Profile, only: values.only?.split(','), say });
  console.log(printReport(report));
  const { history: _history, ...figures } = report;
  const command = `npm run e2e:faults -- --seed ${seed} --minutes ${minutes} --profile ${values.profile}`;
  if (values.json !== undefined) await writeFile(values.json, JSON.stringify({ command, ...figures }, null, 2) + '\n');
  code = report.violations.length > 0 ? 1 : 0;
} catch (error) {
  console.error(`the run with seed ${seed} broke off after ${Math.round((Date.now() - start) / 1000)} s:`, error);
} finally {
  await servers.stop();
}
process.exit(code);
