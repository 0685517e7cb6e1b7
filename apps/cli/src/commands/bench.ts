import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';

/** The benchmarks stand beside the packages, because they run the whole system. */
const main = fileURLToPath(new URL('../../../../bench/main.ts', import.meta.url));

export const benchCommand = () =>
  new Command('bench')
    .description('run a committed benchmark')
    .argument('<name>', 'unet, preprocess, vae, cold-start, accept, latency, pipelines, relay or webhooks')
    .option('--pack <name>', 'the models to measure', 'sketch')
    .option('--json <file>', 'write the report there')
    .action((name: string, { pack, json }: { pack: string; json?: string }) => {
      const flags = ['--pack', pack, ...(json === undefined ? [] : ['--json', json])];
      process.exitCode = spawnSync(process.execPath, [main, name, ...flags], { stdio: 'inherit' }).status ?? 1;
    });
