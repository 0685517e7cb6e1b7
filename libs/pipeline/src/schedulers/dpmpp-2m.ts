/**
 * DPM-Solver++(2M) (Lu et al. 2022). Reference: diffusers 0.31.0 `DPMSolverMultistepScheduler` with `algorithm_type` dpmsolver++ or
 * sde-dpmsolver++, which renews part of the noise at every step.
 * In diffusers 0.23 the final sigma was the smallest training sigma: say `final_sigmas_type: sigma_min` for that.
 */
import { z } from 'zod';
import { readPrediction } from './ddim.ts';
import {
  cumulativeAlphas,
  flag,
  interpolateSigmas,
  karrasSigmas,
  leadingTimesteps,
  linspace,
  noiseFields,
  predictionType,
  roundHalfEven,
  spacing,
  threshold,
  thresholdFields,
  timestepOfSigma,
  trailingTimesteps,
  trainingSigmas,
  variancePreserving,
} from './noise-schedule.ts';
import { checkSteps, mix, needNoise, plain, recall, type Schedule, type Scheduler } from './scheduler.ts';

export const DpmppConfig = z.object({
  ...noiseFields,
  prediction_type: predictionType,
  timestep_spacing: spacing('linspace'),
  solver_order: z.union([z.literal(1), z.literal(2)]).default(2),
  /** A file of another class may name that class's own types; they mean the default here. */
  algorithm_type: z
    .enum(['dpmsolver++', 'sde-dpmsolver++', 'deis'])
    .default('dpmsolver++')
    .transform((type) => (type === 'deis' ? 'dpmsolver++' : type)),
  solver_type: z
    .enum(['midpoint', 'heun', 'logrho', 'bh1', 'bh2'])
    .default('midpoint')
    .transform((type) => (type === 'heun' ? 'heun' : 'midpoint')),
  lower_order_final: flag(true),
  euler_at_final: flag(false),
  use_karras_sigmas: flag(false),
  use_exponential_sigmas: flag(false).pipe(z.literal(false)),
  use_beta_sigmas: flag(false).pipe(z.literal(false)),
  use_lu_lambdas: flag(false).pipe(z.literal(false)),
  sigma_min: z.number().positive().nullable().default(null),
  sigma_max: z.number().positive().nullable().default(null),
  final_sigmas_type: z.enum(['zero', 'sigma_min']).default('zero'),
  lambda_min_clipped: z.union([z.number(), z.literal(-Infinity)]).default(-Infinity),
  variance_type: z.null().default(null),
  ...thresholdFields,
  rescale_betas_zero_snr: flag(false),
});
export type DpmppConfig = z.infer<typeof DpmppConfig>;

export function dpmpp2m(config: DpmppConfig): Scheduler {
  const trained = trainingSigmas(cumulativeAlphas(config));
  const isStochastic = config.algorithm_type === 'sde-dpmsolver++';
  const rate = isStochastic ? 2 : 1;
  return {
    schedule(steps) {
      checkSteps(steps, config.num_train_timesteps);
      const { timesteps, sigmas } = multistepSchedule(config, trained, steps);
      const schedule: Schedule = {
        ...plain,
        timesteps,
        sigmas,
        drawsNoise: () => isStochastic,
        step(latents, predicted, i, noise) {
          const [from, to] = [variancePreserving(sigmas[i]!), variancePreserving(sigmas[i + 1]!)];
          const { original } = readPrediction(config.prediction_type, from.alpha ** 2, latents, predicted);
          if (config.thresholding) threshold(original, config);
          const h = to.lambda - from.lambda; // ∞ when the final sigma is 0
          const decay = Math.expm1(-rate * h);
          const terms: [number, ArrayLike<number>][] = [
            [(to.sigma / from.sigma) * (isStochastic ? Math.exp(-h) : 1), latents],
            [-to.alpha * decay, original],
          ];
          if (isStochastic) terms.push([to.sigma * Math.sqrt(-decay), needNoise(noise, i)]);
          if (secondOrder(config, i, timesteps.length)) {
            const before = variancePreserving(sigmas[i - 1]!);
            const r = (from.lambda - before.lambda) / h;
            const weight = (config.solver_type === 'midpoint' ? -0.5 * to.alpha * decay : to.alpha * (decay / (rate * h) + 1)) / r;
            terms.push([weight, original], [-weight, recall(schedule.history, 'original', i)]);
          }
          schedule.history = { original };
          return Float32Array.from(mix(...terms));
        },
      };
      return schedule;
    },
  };
}

/** First order at the start, and at the end where the last interval is infinite or the steps are few. */
function secondOrder(config: DpmppConfig, i: number, steps: number): boolean {
  if (config.solver_order === 1 || i === 0) return false;
  const firstAtEnd = config.euler_at_final || (config.lower_order_final && steps < 15) || config.final_sigmas_type === 'zero';
  return !(i === steps - 1 && firstAtEnd);
}

/** Timesteps and sigmas of DPM-Solver++ and UniPC: whole timesteps, one more interval than steps so that the run ends before timestep 0. */
export function multistepSchedule(
  config: Pick<
    DpmppConfig,
    'num_train_timesteps' | 'timestep_spacing' | 'steps_offset' | 'use_karras_sigmas' | 'sigma_min' | 'sigma_max' | 'final_sigmas_type'
  > & { lambda_min_clipped?: number; final_karras?: 'trained' | 'schedule' },
  trained: Float64Array,
  steps: number,
): { timesteps: number[]; sigmas: number[] } {
  const clipped = trained.filter((sigma) => -Math.log(sigma) < (config.lambda_min_clipped ?? -Infinity)).length;
  const last = config.num_train_timesteps - clipped;
  let timesteps = spaced(config, last, steps);
  let sigmas = interpolateSigmas(trained, timesteps);
  if (config.use_karras_sigmas) {
    sigmas = karrasSigmas(config.sigma_max ?? trained.at(-1)!, config.sigma_min ?? trained[0]!, steps);
    timesteps = sigmas.map((sigma) => roundHalfEven(timestepOfSigma(sigma, trained)));
  }
  const smallest = config.use_karras_sigmas && config.final_karras === 'schedule' ? sigmas.at(-1)! : trained[0]!;
  return { timesteps, sigmas: [...sigmas, config.final_sigmas_type === 'zero' ? 0 : smallest] };
}

function spaced(
  config: Pick<DpmppConfig, 'num_train_timesteps' | 'timestep_spacing' | 'steps_offset'>,
  last: number,
  steps: number,
): number[] {
  if (config.timestep_spacing === 'leading') return leadingTimesteps(last, steps + 1, steps, config.steps_offset);
  if (config.timestep_spacing === 'trailing') return trailingTimesteps(config.num_train_timesteps, steps, last);
  return linspace(0, last - 1, steps + 1)
    .map(roundHalfEven)
    .reverse()
    .slice(0, steps);
}
