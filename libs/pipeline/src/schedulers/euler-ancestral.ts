/** Euler's method with part of the noise renewed at every step. Reference: diffusers 0.31.0 `EulerAncestralDiscreteScheduler`. */
import { z } from 'zod';
import { derivative, scaleBySigma, spacedTimesteps, startSigma } from './euler.ts';
import { cumulativeAlphas, flag, interpolateSigmas, noiseFields, spacing, trainingSigmas } from './noise-schedule.ts';
import { checkSteps, mix, needNoise, plain, type Scheduler } from './scheduler.ts';

export const EulerAncestralConfig = z.object({
  ...noiseFields,
  prediction_type: z.enum(['epsilon', 'v_prediction']).default('epsilon'),
  timestep_spacing: spacing('linspace'),
  rescale_betas_zero_snr: flag(false),
});
export type EulerAncestralConfig = z.infer<typeof EulerAncestralConfig>;

export function eulerAncestral(config: EulerAncestralConfig): Scheduler {
  const trained = trainingSigmas(cumulativeAlphas(config));
  return {
    schedule(steps) {
      checkSteps(steps, config.num_train_timesteps);
      const timesteps = spacedTimesteps(config, steps);
      const sigmas = [...interpolateSigmas(trained, timesteps), 0];
      return {
        ...plain,
        timesteps,
        sigmas,
        initNoiseSigma: startSigma(config, sigmas),
        drawsNoise: () => true, // also at the last step, where its weight is 0
        scale: (latents, i) => scaleBySigma(latents, sigmas[i]!),
        step(latents, predicted, i, noise) {
          const [sigma, next] = [sigmas[i]!, sigmas[i + 1]!];
          const up = Math.sqrt((next ** 2 * (sigma ** 2 - next ** 2)) / sigma ** 2);
          const down = Math.sqrt(next ** 2 - up ** 2);
          const slope = derivative(config.prediction_type, latents, predicted, sigma);
          return Float32Array.from(mix([1, latents], [down - sigma, slope], [up, needNoise(noise, i)]));
        },
      };
    },
  };
}
