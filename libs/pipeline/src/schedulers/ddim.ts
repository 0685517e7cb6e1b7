/** Denoising diffusion implicit models (Song et al. 2020, formulas 12 and 16). Reference: diffusers 0.31.0 `DDIMScheduler`. */
import { z } from 'zod';
import { PipelineError } from '../errors.ts';
import {
  cumulativeAlphas,
  flag,
  leadingTimesteps,
  linspace,
  noiseFields,
  predictionType,
  roundHalfEven,
  spacing,
  threshold,
  thresholdFields,
  trailingTimesteps,
} from './noise-schedule.ts';
import { checkSteps, mix, needNoise, plain, type Scheduler } from './scheduler.ts';

export const DdimConfig = z.object({
  ...noiseFields,
  prediction_type: predictionType,
  timestep_spacing: spacing('leading'),
  clip_sample: flag(true),
  clip_sample_range: z.number().positive().default(1),
  set_alpha_to_one: flag(true),
  ...thresholdFields,
  rescale_betas_zero_snr: flag(false),
});
export type DdimConfig = z.infer<typeof DdimConfig>;

/** `eta` 0 is deterministic, 1 draws as much noise as DDPM. */
export function ddim(config: DdimConfig, { eta = 0 }: { eta?: number } = {}): Scheduler {
  const alphas = cumulativeAlphas(config);
  return {
    schedule(steps) {
      checkSteps(steps, config.num_train_timesteps);
      const stride = Math.floor(config.num_train_timesteps / steps);
      const timesteps = integerTimesteps(config, steps);
      return {
        ...plain,
        timesteps,
        drawsNoise: () => eta > 0,
        step(latents, predicted, i, noise) {
          const t = timesteps[i]!;
          const alpha = alphas.at(t)!;
          const next = t >= stride ? alphas[t - stride]! : config.set_alpha_to_one ? 1 : alphas[0]!;
          const { original, epsilon } = readPrediction(config.prediction_type, alpha, latents, predicted);
          if (config.thresholding) threshold(original, config);
          else if (config.clip_sample) clip(original, config.clip_sample_range);
          const deviation = eta * Math.sqrt(((1 - next) / (1 - alpha)) * (1 - alpha / next));
          const direction = Math.sqrt(1 - next - deviation ** 2);
          const fresh = eta > 0 ? [[deviation, needNoise(noise, i)] as const] : [];
          return Float32Array.from(mix([Math.sqrt(next), original], [direction, epsilon], ...fresh));
        },
      };
    },
  };
}

/** Whole timesteps, falling. @throws PipelineError `invalid_argument` when `steps_offset` pushes the first one out of the training range */
export function integerTimesteps(
  config: Pick<DdimConfig, 'num_train_timesteps' | 'timestep_spacing' | 'steps_offset'>,
  steps: number,
): number[] {
  const { num_train_timesteps: trained, timestep_spacing, steps_offset } = config;
  if (timestep_spacing === 'trailing') return trailingTimesteps(trained, steps);
  if (timestep_spacing === 'linspace')
    return linspace(0, trained - 1, steps)
      .map(roundHalfEven)
      .reverse();
  const timesteps = leadingTimesteps(trained, steps, steps, steps_offset);
  if (timesteps[0]! < trained) return timesteps;
  throw new PipelineError(
    'invalid_argument',
    `With ${steps} steps and steps_offset ${steps_offset} the first timestep is ${timesteps[0]!}, beyond training.`,
    { steps },
  );
}

/** The picture and the noise that the network sees in the latents, x = √ᾱ·x₀ + √(1 − ᾱ)·ε. */
export function readPrediction(
  type: DdimConfig['prediction_type'],
  alpha: number,
  latents: ArrayLike<number>,
  predicted: ArrayLike<number>,
): { original: Float64Array; epsilon: Float64Array } {
  const [signal, noise] = [Math.sqrt(alpha), Math.sqrt(1 - alpha)];
  if (type === 'epsilon') {
    // divided at the end: at a terminal ᾱ of zero the quotient is ±∞, which may still be clipped
    return { original: mix([1, latents], [-noise, predicted]).map((x) => x / signal), epsilon: mix([1, predicted]) };
  }
  if (type === 'sample') return { original: mix([1, predicted]), epsilon: mix([1 / noise, latents], [-signal / noise, predicted]) };
  return { original: mix([signal, latents], [-noise, predicted]), epsilon: mix([signal, predicted], [noise, latents]) };
}

export function clip(values: Float64Array, range: number): void {
  for (let i = 0; i < values.length; i++) values[i] = Math.min(Math.max(values[i]!, -range), range);
}
