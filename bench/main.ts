/**
 * `npm run bench -- NAME [--pack NAME] [--size WxH] [--runs N] [--compare PYTHON] [--int8] [--profile embedded|distributed] [--finished N] [--one-process] [--directory] [--concurrency N] [--minutes N] [--json FILE]`:
 * a committed benchmark. Medians and spread, with the command that made them.
 */
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { accept } from './accept.ts';
import { latency } from './latency.ts';
import { percentile, type Benchmark, type Profile } from './benchmark.ts';
import { fairness } from './fairness.ts';
import { coldStart, pixels, preprocess, unet, vae } from './models.ts';
import { pipelines } from './pipelines.ts';
import { portraits } from './portraits.ts';
import { relay } from './relay.ts';
import { soak } from './soak.ts';
import { train } from './training.ts';
import { webhooks } from './webhooks.ts';

const benchmarks: Record<string, Benchmark> = {
  unet,
  preprocess,
  pixels,
  vae,
  'cold-start': coldStart,
  train,
  accept,
  latency,
  pipelines,
  portraits,
  relay,
  webhooks,
  fairness,
  soak,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'string' },
    pack: { type: 'string', default: 'sketch' },
    size: { type: 'string' },
    runs: { type: 'string', default: '30' },
    compare: { type: 'string' },
    int8: { type: 'boolean', default: false },
    profile: { type: 'string', default: 'embedded' },
    finished: { type: 'string', default: '0' },
    'one-process': { type: 'boolean', default: false },
    directory: { type: 'boolean', default: false },
    concurrency: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '20' },
  },
});
const name = positionals[0] ?? '';
const benchmark = benchmarks[name];
if (!benchmark) {
  console.error(`no benchmark "${name}"; there are: ${Object.keys(benchmarks).join(', ')}`);
  process.exit(2);
}

if (values.profile !== 'embedded' && values.profile !== 'distributed') {
  console.error(`no profile "${values.profile}"; there are: embedded, distributed`);
  process.exit(2);
}

const size = /^(\d+)x(\d+)$/.exec(values.size ?? '');
if (values.size !== undefined && !size) {
  console.error(`--size ${values.size} is no size; it is written WIDTHxHEIGHT in pixels, such as 512x768`);
  process.exit(2);
}

const result = await benchmark((line) => console.error(line), {
  pack: values.pack,
  size: size ? { width: Number(size[1]), height: Number(size[2]) } : undefined,
  runs: Number(values.runs),
  compare: values.compare,
  int8: values.int8,
  profile: values.profile satisfies Profile,
  finished: Number(values.finished),
  oneProcess: values['one-process'],
  directory: values.directory,
  concurrency: Number(values.concurrency),
  minutes: Number(values.minutes),
});
const report = {
  name,
  commit: git('rev-parse', '--short', 'HEAD'),
  machine: { cpu: cpus()[0]?.model.trim(), cores: cpus().length, memory_gib: Math.round(totalmem() / 2 ** 30), node: process.version },
  command: `npm run bench -- ${process.argv.slice(2).join(' ')}`,
  ...result,
  median: percentile(result.runs, 50),
  p99: percentile(result.runs, 99),
};
console.log(
  `${name}: median ${report.median.toFixed(2)} ${result.unit}, p99 ${report.p99.toFixed(2)} ${result.unit} (${result.runs.length} runs)`,
);
for (const [part, runs] of Object.entries(result.parts ?? {}))
  console.log(`  ${part}: median ${percentile(runs, 50).toFixed(2)}, p99 ${percentile(runs, 99).toFixed(2)} (${runs.length} runs)`);
if (values.compare !== undefined)
  for (const [part, runs] of Object.entries(result.parts ?? {}))
    console.log(`  ratio to ${part}: ${(report.median / percentile(runs, 50)).toFixed(3)}`);
console.log(`  ${JSON.stringify(report.parameters)}`);
if (values.json !== undefined) await writeFile(values.json, JSON.stringify(report, null, 2) + '\n');
process.exit();

function git(...args: string[]): string {
  try {
    return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown';
  }
}
