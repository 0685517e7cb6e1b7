/** The parameters of a generation as flags, shared by `generate` (here) and `jobs create` (on a server). */
import {
  corrections,
  schedulerNames,
  type Correction,
  type FacialRegion,
  type NoiseSource,
  type OutputFormat,
  type SchedulerName,
} from '@likeness/pipeline';
import type { Command } from 'commander';
import { CliError } from '../failure.ts';

export interface GenerationFlags {
  readonly image: string;
  readonly prompt: string;
  readonly negative?: string;
  readonly pack?: string;
  readonly seed?: number;
  readonly steps?: number;
  readonly mergeStep?: number | string;
  readonly guidance?: number;
  readonly identityScale?: number;
  readonly width?: number;
  readonly height?: number;
  readonly scheduler?: SchedulerName;
  readonly regions?: FacialRegion[];
  readonly noiseDevice?: NoiseSource;
  readonly corrections?: Correction[];
  readonly numImages?: number;
  readonly format?: OutputFormat;
}

/** Names and lists are checked where their bounds are known: by the pipeline or by the server. */
export const withGenerationFlags = (command: Command): Command =>
  command
    .requiredOption('--image <file>', 'the reference picture')
    .requiredOption('--prompt <text>', 'what the portrait shows')
    .option('--negative <text>', 'what it must not show')
    .option('--pack <name>', 'the models')
    .option('--seed <n>', 'of the first image; random when absent', number('--seed'))
    .option('--steps <n>', 'denoising steps, 1–100', number('--steps'))
    .option('--merge-step <n|0.6>', 'step (or fraction of the steps) after which the fine facial features enter', mergeStep)
    .option('--guidance <g>', 'how closely to follow the prompt, 1–20', number('--guidance'))
    .option('--identity-scale <s>', 'weight of the identity, 0–2', number('--identity-scale'))
    .option('--width <w>', 'pixels', number('--width'))
    .option('--height <h>', 'pixels', number('--height'))
    .option('--scheduler <name>', `one of ${Object.keys(schedulerNames).join(', ')}`)
    .option('--regions <list>', 'of face,eyes,ears,nose,mouth', names)
    .option('--noise-device <name>', 'whose random numbers a seed stands for: cpu or cuda')
    .option('--corrections <list>', `where to depart from the published pipeline: of ${Object.keys(corrections).join(',')}`, names)
    .option('--num-images <n>', '1–8', number('--num-images'))
    .option('--format <name>', 'png, jpeg or webp');

const names = (list: string): string[] => list.split(',').filter((name) => name !== '');

const number =
  (flag: string) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || Number.isNaN(value)) throw new CliError('validation_failed', `${flag} "${text}" is not a number.`);
    return value;
  };

/** A decimal point makes it a fraction: "1.0" is all the steps, 1 is the step 1. */
const mergeStep = (text: string): number | string => (text.includes('.') ? text : number('--merge-step')(text));
