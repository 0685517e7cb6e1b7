/** `likeness evaluate`: what a pack can do, in numbers and pictures. */
import { evaluate, writeReport, type Progress } from '@likeness/evaluation';
import { devices, type Device } from '@likeness/inference';
import { precisions, type Precision } from '@likeness/pipeline';
import { Command, Option } from 'commander';
import { convertedWeights, packDirs } from '../cli.config.ts';
import { CliError } from '../failure.ts';
import { ProgressLine } from '../progress-line.ts';

/** The size of an evaluation: that of the report, and one that is over soon and only shows that everything works. */
const whole = { identities: 32, prompts: 'all', steps: 50, ablationIdentities: 8, ablationPrompts: 8, strangers: 64, shots: 4, timed: 5 };
const quick = { identities: 4, prompts: '8', steps: 20, ablationIdentities: 2, ablationPrompts: 4, strangers: 8, shots: 3, timed: 1 };
type Size = typeof whole;

interface EvaluateFlags extends Partial<Size> {
  readonly pack: string;
  readonly compare: string[];
  readonly seed: number;
  readonly out: string;
  readonly baselines?: true;
  readonly ablations?: true;
  readonly quick?: true;
  readonly resume?: true;
  readonly strict?: true;
  readonly json?: true;
  readonly device: Device;
  readonly precision: Precision;
}

export const evaluateCommand = () =>
  new Command('evaluate')
    .description('measure a pack on drawn people whom no training has seen; docs/evaluation.md defines every measure')
    .requiredOption('--pack <name>', 'the models')
    .option('--compare <packs>', 'also measure these packs, on the same people, prompts and noise', names, [])
    .option('--identities <n>', `people, default ${whole.identities}`, count('--identities'))
    .option('--prompts <which>', 'all (default), a number, or names of prompts and categories: accessory, background, action, style')
    .option('--steps <n>', `denoising steps, default ${whole.steps}`, count('--steps'))
    .option('--seed <n>', 'of the people, their pictures and the noise', count('--seed', 0), 0)
    .option('--baselines', 'rows with text only, image tokens only, face ID only')
    .option('--ablations', 'rows without a part of the identity, without each region, and for merge steps')
    .option('--ablation-identities <n>', `people of the ablations, default ${whole.ablationIdentities}`, count('--ablation-identities'))
    .option('--ablation-prompts <n>', `prompts of the ablations, default ${whole.ablationPrompts}`, count('--ablation-prompts'))
    .option(
      '--strangers <n>',
      `further people on whom parser, recogniser and detector are measured, default ${whole.strangers}`,
      count('--strangers', 2),
    ) // prettier-ignore
    .option('--shots <n>', `pictures of each of them, default ${whole.shots}`, count('--shots', 2))
    .option('--quick', `a small evaluation: ${quick.identities} people, ${quick.prompts} prompts, ${quick.steps} steps`)
    .option('--out <dir>', 'folder for the report, the sheets and every picture', 'evaluation')
    .option('--resume', 'use the pictures that an earlier run has left in the folder')
    .option('--strict', 'fail when the pack lacks a network that a measure needs')
    .addOption(new Option('--device <name>', 'where pictures are made').choices(devices).default('cpu'))
    .addOption(new Option('--precision <name>', 'of the UNet').choices(precisions).default('float32'))
    .option('--json', 'print the report as one JSON object')
    .action(async (flags: EvaluateFlags) => {
      const size: Size = { ...whole, ...(flags.quick && quick), ...flags };
      const { paths, report } = await evaluateWith(flags, size);
      if (flags.json) console.log(JSON.stringify(report));
      else for (const path of paths) console.log(path);
    });

async function evaluateWith(flags: EvaluateFlags, size: Size) {
  const progress = new ProgressLine(process.stderr);
  const show = atMostEvery(process.stderr.isTTY ? 200 : 10_000, (now: Progress) => progress.show(progressText(now)));
  const { pack, compare, seed, out, device, precision } = flags;
  const evaluation = await evaluate({
    pack,
    packDirs: packDirs(),
    compare,
    seed,
    out,
    device,
    precision,
    identities: size.identities,
    prompts: size.prompts,
    steps: size.steps,
    baselines: flags.baselines ?? false,
    ablations: flags.ablations ? { identities: size.ablationIdentities, prompts: size.ablationPrompts } : null,
    networks: { people: size.strangers, shots: size.shots },
    timed: size.timed,
    resume: flags.resume ?? false,
    strict: flags.strict ?? false,
    weightsFolder: convertedWeights(),
    onProgress: show,
  });
  progress.end();
  return { paths: await writeReport(evaluation, out), report: evaluation.report };
}

/** What is under way, and of pictures how long the rest takes if all of it has to be made. */
export function progressText({ what, done, total, made, secondsEach }: Progress): string {
  const left = what === 'pictures' && secondsEach !== null ? (total - done) * secondsEach : null;
  const kept = what === 'pictures' && made < done ? `, ${done - made} of them were there` : '';
  return `${what} ${done}/${total}${kept}${left === null ? '' : `, at most ${duration(left)} left`}`;
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.ceil(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** The first call of each kind of work passes, and then one in so many milliseconds. */
function atMostEvery(milliseconds: number, show: (progress: Progress) => void): (progress: Progress) => void {
  let [shown, what] = [-Infinity, ''];
  return (progress) => {
    if (progress.what === what && performance.now() - shown < milliseconds) return;
    [shown, what] = [performance.now(), progress.what];
    show(progress);
  };
}

function names(list: string): string[] {
  return list.split(',').filter((name) => name !== '');
}

function count(flag: string, least = 1) {
  return (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value < 2 ** 32) return value;
    throw new CliError('validation_failed', `${flag} "${text}" is no whole number from ${least} on.`);
  };
}
