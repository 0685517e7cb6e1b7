/** Timesteps and noise levels of the multistep classes, DPM-Solver and UniPC. Reference: diffusers 0.31.0 `set_timesteps` of both. */
import type { z } from 'zod';
import {
  interpolateSigmas,
  leadingTimesteps,
  linspace,
  roundHalfEven,
  timestepOfSigma,
  trailingTimesteps,
  type noiseFields,
  type spacing,
} from './noise-schedule.ts';
import { exponentialSigmas, respacedSigmas, type respacingFields } from './sigma-spacing.ts';

type MultistepConfig = z.infer<z.ZodObject<Pick<typeof noiseFields, 'num_train_timesteps' | 'steps_offset'> & typeof respacingFields>> & {
  readonly timestep_spacing: z.infer<ReturnType<typeof spacing>>;
  readonly final_sigmas_type: 'zero' | 'sigma_min';
  readonly use_lu_lambdas?: boolean;
  readonly lambda_min_clipped?: number;
};

/**
 * Whole timesteps, one more interval than steps so that the run ends before timestep 0.
 * @param final what `sigma_min` means at the end where σ are spaced by themselves: the smallest of training, or the last of the run
 */
export function multistepSchedule(
  config: MultistepConfig,
  trained: Float64Array,
  steps: number,
  final: 'trained' | 'run' = 'trained',
): { timesteps: number[]; sigmas: number[] } {
  const respaced = respace(config, trained, steps);
  const timesteps = respaced?.timesteps ?? spaced(config, lastTimestep(config, trained), steps);
  const sigmas = respaced?.sigmas ?? interpolateSigmas(trained, timesteps);
  const smallest = respaced && final === 'run' ? sigmas.at(-1)! : trained[0]!;
  return { timesteps, sigmas: [...sigmas, config.final_sigmas_type === 'zero' ? 0 : smallest] };
}

function respace(config: MultistepConfig, trained: Float64Array, steps: number): { timesteps: number[]; sigmas: number[] } | undefined {
  const bounds = [trained.at(-1)!, trained[0]!, steps] as const;
  const isLu = config.use_lu_lambdas && !config.use_karras_sigmas;
  const sigmas = isLu ? exponentialSigmas(...bounds) : respacedSigmas(config, ...bounds);
  if (!sigmas) return undefined;
  const isRounded = isLu || config.use_karras_sigmas;
  return { sigmas, timesteps: sigmas.map((sigma) => (isRounded ? roundHalfEven : truncate)(timestepOfSigma(sigma, trained))) };
}

/** Exponential and beta spacing came to these classes with diffusers 0.32, which cuts off the fraction of a timestep; a whole one stays. */
const truncate = (t: number) => Math.floor(t + 1e-6);

/** One beyond the last timestep whose λ is not clipped. */
function lastTimestep({ num_train_timesteps, lambda_min_clipped = -Infinity }: MultistepConfig, trained: Float64Array): number {
  return num_train_timesteps - trained.filter((sigma) => -Math.log(sigma) < lambda_min_clipped).length;
}

function spaced(config: MultistepConfig, last: number, steps: number): number[] {
  if (config.timestep_spacing === 'leading') return leadingTimesteps(last, steps + 1, steps, config.steps_offset);
  if (config.timestep_spacing === 'trailing') return trailingTimesteps(config.num_train_timesteps, steps, last);
  return linspace(0, last - 1, steps + 1)
    .map(roundHalfEven)
    .reverse()
    .slice(0, steps);
}
