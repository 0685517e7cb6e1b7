/** `likeness train`: networks from recipes. */
import { basename, join } from 'node:path';
import { trainRecipe, type TrainingProgress } from '@likeness/training';
import { Command } from 'commander';
import { ProgressLine } from '../progress-line.ts';

interface TrainFlags {
  readonly out?: string;
  readonly resume?: true;
  readonly threads?: string;
}

/** Between two lines of progress, milliseconds. */
const pause = 5000;

export const trainCommand = () =>
  new Command('train')
    .description('train a network by a recipe; an interrupted training goes on with --resume')
    .argument('<recipe>', 'a JSON file')
    .option('--out <dir>', 'where checkpoints and curves go (default: .likeness/training and the name of the recipe)')
    .option('--resume', 'go on from the last checkpoint')
    .option('--threads <count>', 'threads of a step')
    .action(async (recipe: string, { out, resume, threads }: TrainFlags) => {
      const directory = out ?? join('.likeness', 'training', basename(recipe, '.json'));
      const progress = new ProgressLine(process.stderr);
      const stop = new AbortController();
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
      const shown = { at: 0 };
      const result = await trainRecipe(recipe, {
        directory,
        resume: resume ?? false,
        threads: threads === undefined ? undefined : Number(threads),
        signal: stop.signal,
        onPrepare: (what, done, total) => every(shown, done === total, () => progress.show(`${what} ${done}/${total}`)),
        onProgress: (step) =>
          every(shown, step.step === step.steps || step.evaluation !== undefined, () => progress.show(progressText(step))),
      });
      progress.end();
      if (!result.finished) {
        console.log(`stopped after step ${result.step}; go on with: likeness train ${recipe} --out ${directory} --resume`);
        return;
      }
      for (const file of [result.file, ...result.outputs, join(directory, 'curve.png')]) console.log(file);
    });

function every(shown: { at: number }, always: boolean, show: () => void): void {
  const now = performance.now();
  if (!always && now - shown.at < pause) return;
  shown.at = now;
  show();
}

function progressText({ step, steps, loss, metrics, evaluation = {}, rate, waiting, remaining }: TrainingProgress): string {
  const numbers = Object.entries({ loss, ...metrics, ...evaluation }).map(([name, value]) => `${name} ${value.toPrecision(4)}`);
  const data = waiting > 0.05 ? [`${Math.round(100 * waiting)} % of it waiting for data`] : [];
  return [`step ${step}/${steps}`, ...numbers, `${rate.toFixed(1)} img/s`, ...data, `${duration(remaining)} left`].join('  ');
}

function duration(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  return minutes < 1 ? `${Math.round(seconds)} s` : minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
