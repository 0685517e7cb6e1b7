import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';

/** The benchmarks stand beside the packages, because they run the whole system. */
const main = fileURLToPath(new URL('../../../../bench/main.ts', import.meta.url));

export const benchCommand = () =>
  new Command('bench')
    .description('run a committed benchmark')
    .argument('<name>', 'unet, preprocess, vae, cold-start, accept, latency, pipelines, portraits, relay, webhooks, fairness or soak')
    .option('--pack <name>', 'the models to measure')
    .option('--profile <name>', 'what the platform stands on: embedded or distributed')
    .option('--finished <count>', 'jobs that lie finished in the tables before')
    .option('--one-process', 'all three stages in one process')
    .option('--directory', 'objects in a directory, not in S3, in the distributed profile too')
    .option('--concurrency <count>', 'no-op stages that a worker has at work at once')
    .option('--minutes <count>', 'how long a soak takes')
    .option('--json <file>', 'write the report there')
    .action((name: string, options: { oneProcess?: boolean; directory?: boolean } & Record<string, string | undefined>) => {
      const { oneProcess, directory, ...valued } = options;
      const flags = Object.entries(valued).flatMap(([flag, value]) => (value === undefined ? [] : [`--${flag}`, value]));
      if (oneProcess) flags.push('--one-process');
      if (directory) flags.push('--directory');
      process.exitCode = spawnSync(process.execPath, [main, name, ...flags], { stdio: 'inherit' }).status ?? 1;
    });
