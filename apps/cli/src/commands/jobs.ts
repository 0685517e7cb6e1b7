/** `likeness jobs`: generations on a server, as JSON on stdout. */
import { readFile } from 'node:fs/promises';
import type { CreateGeneration } from '@likeness/contracts';
import { Command } from 'commander';
import { CliError } from '../failure.ts';
import { ProgressLine } from '../progress-line.ts';
import { Client, type GenerationObject } from '../server/client.ts';
import { loadConnection } from '../server/connection.ts';
import { withGenerationFlags, type GenerationFlags } from './generation-flags.ts';

const print = (value: unknown) => console.log(JSON.stringify(value, null, 2));
const client = async () => new Client(await loadConnection());
/** Seconds that `wait` waits when nothing is said. */
const PATIENCE = '600';

export const jobsCommand = () =>
  new Command('jobs')
    .description('generations on the server that `likeness login` has remembered')
    .addCommand(
      withGenerationFlags(new Command('create'))
        .description('submit a job')
        .option('--wait', 'until it ends')
        .action(async (flags: GenerationFlags & { wait?: true }) => {
          const api = await client();
          const generation = await api.create({ input: await inputOf(flags) });
          if (flags.wait) await follow(api, generation.id, PATIENCE);
          else print(generation);
        }),
    )
    .addCommand(
      new Command('get')
        .description('one job')
        .argument('<id>')
        .action(async (id: string) => print(await (await client()).get(id))),
    )
    .addCommand(
      new Command('wait')
        .description('follow a job until it ends; fails when the job did')
        .argument('<id>')
        .option('--timeout <seconds>', 'give up after', PATIENCE)
        .action(async (id: string, { timeout }: { timeout: string }) => follow(await client(), id, timeout)),
    )
    .addCommand(
      new Command('cancel')
        .description('stop a job')
        .argument('<id>')
        .action(async (id: string) => print(await (await client()).cancel(id))),
    )
    .addCommand(
      new Command('list')
        .description('jobs, newest first')
        .option('--status <status>', 'only these')
        .option('--limit <n>', '1–100')
        .option('--cursor <cursor>', 'from the answer before')
        .action(async (query: Record<string, string>) => print(await (await client()).list(query))),
    );

async function follow(api: Client, id: string, timeout: string): Promise<void> {
  const seconds = Number(timeout);
  if (!(seconds > 0)) throw new CliError('validation_failed', `--timeout "${timeout}" is not a number of seconds.`);
  const progress = new ProgressLine(process.stderr);
  const generation = await api.waitFor(id, seconds, (g) => progress.show(describe(g)));
  progress.end();
  print(generation);
  const { status, error } = generation;
  if (status !== 'succeeded') throw new CliError(error?.code ?? status, error?.detail ?? `${id} is ${status}.`);
}

const describe = ({ status, stage, progress }: GenerationObject): string =>
  [status, stage, progress && `${progress.step}/${progress.total}`].filter((part) => part !== null).join(' ');

async function inputOf(flags: GenerationFlags): Promise<CreateGeneration['input']> {
  const picture = await readFile(flags.image).catch((cause: Error) => {
    throw new CliError('image_unreadable', `${flags.image} cannot be read: ${cause.message}`, { cause });
  });
  const input = {
    reference_images: [`data:application/octet-stream;base64,${picture.toString('base64')}`], // the server looks at the bytes
    prompt: flags.prompt,
    negative_prompt: flags.negative,
    num_images: flags.numImages,
    width: flags.width,
    height: flags.height,
    steps: flags.steps,
    scheduler: flags.scheduler,
    guidance_scale: flags.guidance,
    merge_step: flags.mergeStep,
    identity_scale: flags.identityScale,
    seed: flags.seed,
    facial_regions: flags.regions,
    noise_device: flags.noiseDevice,
    corrections: flags.corrections,
    pack: flags.pack,
    format: flags.format,
  };
  return JSON.parse(JSON.stringify(input)) as CreateGeneration['input']; // without what was not said
}
