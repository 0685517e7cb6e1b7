/** Latent consistency models (Luo et al. 2023): a few steps, each jumping to the picture and back. Reference: diffusers 0.31.0 `LCMScheduler`. */
import { z } from 'zod';
import { clip, readPrediction } from './ddim.ts';
import { cumulativeAlphas, flag, noiseFields, predictionType, threshold, thresholdFields } from './noise-schedule.ts';
import { checkSteps, mix, needNoise, plain, type Scheduler } from './scheduler.ts';

export const LcmConfig = z.object({
  ...noiseFields,
  beta_start: z.number().default(0.00085),
  beta_end: z.number().default(0.012),
  beta_schedule: noiseFields.beta_schedule.unwrap().default('scaled_linear'),
  prediction_type: predictionType,
  original_inference_steps: z.int().min(1).default(50),
  timestep_scaling: z.number().default(10),
  clip_sample: flag(false),
  clip_sample_range: z.number().positive().default(1),
  ...thresholdFields,
  rescale_betas_zero_snr: flag(false),
});
export type LcmConfig = z.infer<typeof LcmConfig>;

/** Half the standard deviation of the data, of the boundary condition. */
const SIGMA_DATA = 0.5;

export function lcm(config: LcmConfig): Scheduler {
  const alphas = cumulativeAlphas(config);
  return {
    schedule(steps) {
      const distilled = config.original_inference_steps;
      checkSteps(steps, Math.min(distilled, config.num_train_timesteps));
      const stride = Math.floor(config.num_train_timesteps / distilled);
      const timesteps = Array.from({ length: steps }, (_, i) => (distilled - Math.floor(i * (distilled / steps))) * stride - 1);
      const isLast = (i: number) => i === steps - 1;
      return {
        ...plain,
        timesteps,
        drawsNoise: (i) => !isLast(i),
        step(latents, predicted, i, noise) {
          const t = timesteps[i]!;
          const { original } = readPrediction(config.prediction_type, alphas[t]!, latents, predicted);
          if (config.thresholding) threshold(original, config);
          else if (config.clip_sample) clip(original, config.clip_sample_range);
          const scaled = t * config.timestep_scaling;
          const skip = SIGMA_DATA ** 2 / (scaled ** 2 + SIGMA_DATA ** 2);
          const out = scaled / Math.sqrt(scaled ** 2 + SIGMA_DATA ** 2);
          const denoised = mix([out, original], [skip, latents]);
          if (isLast(i)) return Float32Array.from(denoised);
          const next = alphas[timesteps[i + 1]!]!;
          return Float32Array.from(mix([Math.sqrt(next), denoised], [Math.sqrt(1 - next), needNoise(noise, i)]));
        },
      };
    },
  };
}
