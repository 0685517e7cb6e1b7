/** Euler's method on the probability flow. Reference: diffusers 0.31.0 `EulerDiscreteScheduler` (no churn). */
import { z } from 'zod';
import {
  cumulativeAlphas,
  flag,
  interpolateSigmas,
  leadingTimesteps,
  linspace,
  noiseFields,
  predictionType,
  spacing,
  timestepOfSigma,
  trailingTimesteps,
  trainingSigmas,
} from './noise-schedule.ts';
import { checkSteps, mix, plain, type Scheduler } from './scheduler.ts';
import { atMostOneSpacing, exponentialSigmas, respacedSigmas, respacingFields } from './sigma-spacing.ts';

export const EulerConfig = z
  .object({
    ...noiseFields,
    prediction_type: predictionType,
    timestep_spacing: spacing('linspace'),
    timestep_type: z.enum(['discrete', 'continuous']).default('discrete'),
    interpolation_type: z.enum(['linear', 'log_linear']).default('linear'),
    ...respacingFields,
    rescale_betas_zero_snr: flag(false),
    final_sigmas_type: z.enum(['zero', 'sigma_min']).default('zero'),
  })
  .refine(...atMostOneSpacing);
export type EulerConfig = z.infer<typeof EulerConfig>;

export function euler(config: EulerConfig): Scheduler {
  const trained = trainingSigmas(cumulativeAlphas(config));
  return {
    schedule(steps) {
      checkSteps(steps, config.num_train_timesteps);
      let timesteps = spacedTimesteps(config, steps);
      let sigmas = interpolateSigmas(trained, timesteps);
      // one more than there are steps, as in the library: the run ends at the smallest σ, and what is appended below is never reached
      if (config.interpolation_type === 'log_linear') sigmas = exponentialSigmas(trained.at(-1)!, trained[0]!, steps + 1);
      const respaced = respacedSigmas(config, sigmas[0]!, sigmas.at(-1)!, steps);
      if (respaced) {
        sigmas = respaced;
        timesteps = sigmas.map((sigma) => timestepOfSigma(sigma, trained));
      }
      // networks that were trained on any σ are told a quarter of its logarithm
      const isContinuous = config.timestep_type === 'continuous' && config.prediction_type === 'v_prediction';
      if (isContinuous) timesteps = sigmas.map((sigma) => 0.25 * Math.log(sigma));
      sigmas = [...sigmas, config.final_sigmas_type === 'zero' ? 0 : trained[0]!];
      return {
        ...plain,
        timesteps,
        sigmas,
        initNoiseSigma: startSigma(config, sigmas),
        scale: (latents, i) => scaleBySigma(latents, sigmas[i]!),
        step(latents, predicted, i) {
          const [sigma, next] = [sigmas[i]!, sigmas[i + 1]!];
          const slope = derivative(config.prediction_type, latents, predicted, sigma);
          return Float32Array.from(mix([1, latents], [next - sigma, slope]));
        },
      };
    },
  };
}

/** Timesteps of the classes that follow sigmas; `linspace` keeps fractions. */
export function spacedTimesteps(
  config: Pick<EulerConfig, 'num_train_timesteps' | 'timestep_spacing' | 'steps_offset'>,
  steps: number,
): number[] {
  const { num_train_timesteps: trained, timestep_spacing, steps_offset } = config;
  if (timestep_spacing === 'leading') return leadingTimesteps(trained, steps, steps, steps_offset);
  if (timestep_spacing === 'trailing') return trailingTimesteps(trained, steps);
  return linspace(0, trained - 1, steps).reverse();
}

export function startSigma(config: Pick<EulerConfig, 'timestep_spacing'>, sigmas: readonly number[]): number {
  const largest = Math.max(...sigmas);
  return config.timestep_spacing === 'leading' ? Math.sqrt(largest ** 2 + 1) : largest;
}

/** x / √(σ² + 1): the network was trained on inputs of unit variance. */
export const scaleBySigma = (latents: Float32Array, sigma: number) => latents.map((x) => x / Math.sqrt(sigma ** 2 + 1));

/** dx/dσ = (x − x₀) / σ, with x₀ read out of the prediction. */
export function derivative(
  type: EulerConfig['prediction_type'],
  latents: Float32Array,
  predicted: Float32Array,
  sigma: number,
): Float64Array {
  if (type === 'epsilon') return Float64Array.from(predicted);
  if (type === 'sample') return mix([1 / sigma, latents], [-1 / sigma, predicted]);
  const power = sigma ** 2 + 1;
  return mix([(1 - 1 / power) / sigma, latents], [1 / Math.sqrt(power), predicted]);
}
