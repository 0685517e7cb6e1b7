/**
 * The tables all schedulers start from, in float64, and the three ways to space timesteps.
 * diffusers 0.31.0 builds them in float32; that rounding is not copied.
 */
import { z } from 'zod';

/** A switch; a file may also say null, which is off. */
export const flag = (byDefault: boolean) =>
  z
    .boolean()
    .nullable()
    .default(byDefault)
    .transform((on) => on ?? false);

/** The fields of `scheduler_config.json` that every class knows. */
export const noiseFields = {
  num_train_timesteps: z.int().min(2).default(1000),
  beta_start: z.number().default(0.0001),
  beta_end: z.number().default(0.02),
  beta_schedule: z.enum(['linear', 'scaled_linear', 'squaredcos_cap_v2']).default('linear'),
  trained_betas: z.array(z.number()).nullable().default(null),
  steps_offset: z.int().default(0),
};

export const predictionType = z.enum(['epsilon', 'sample', 'v_prediction']).default('epsilon');
export const spacing = (byDefault: 'linspace' | 'leading' | 'trailing') => z.enum(['linspace', 'leading', 'trailing']).default(byDefault);

/** Dynamic thresholding, of the classes that see the picture in every prediction. */
export const thresholdFields = {
  thresholding: flag(false),
  dynamic_thresholding_ratio: z.number().min(0).max(1).default(0.995),
  sample_max_value: z.number().positive().default(1),
};
type ThresholdConfig = z.infer<z.ZodObject<typeof thresholdFields>>;

/** Imagen's dynamic thresholding, in place: what exceeds the given quantile of the magnitudes is cut off, and the rest brought to ±1. */
export function threshold(values: Float64Array, { dynamic_thresholding_ratio: ratio, sample_max_value: most }: ThresholdConfig): void {
  const magnitudes = values.map(Math.abs).sort();
  const at = ratio * (magnitudes.length - 1);
  const [low, high] = [magnitudes[Math.floor(at)]!, magnitudes[Math.ceil(at)]!];
  const limit = Math.min(Math.max(low + (high - low) * (at - Math.floor(at)), 1), most);
  for (let i = 0; i < values.length; i++) values[i] = Math.min(Math.max(values[i]!, -limit), limit) / limit;
}

type NoiseConfig = z.infer<z.ZodObject<typeof noiseFields>>;

/** ᾱ of every training timestep: how much of the picture's variance is left. */
export function cumulativeAlphas(config: NoiseConfig & { rescale_betas_zero_snr?: boolean }): Float64Array {
  const betas = config.trained_betas ?? trainingBetas(config);
  let product = 1;
  const alphas = Float64Array.from(betas, (beta) => (product *= 1 - beta));
  return config.rescale_betas_zero_snr ? withoutFinalSignal(alphas) : alphas;
}

function trainingBetas({ num_train_timesteps: n, beta_start, beta_end, beta_schedule }: NoiseConfig): number[] {
  if (beta_schedule === 'linear') return linspace(beta_start, beta_end, n);
  if (beta_schedule === 'scaled_linear') return linspace(Math.sqrt(beta_start), Math.sqrt(beta_end), n).map((root) => root ** 2);
  const bar = (t: number) => Math.cos((((t + 0.008) / 1.008) * Math.PI) / 2) ** 2;
  return Array.from({ length: n }, (_, i) => Math.min(1 - bar((i + 1) / n) / bar(i / n), 0.999));
}

/** "Common Diffusion Noise Schedules and Sample Steps are Flawed", algorithm 1: the last timestep is pure noise. */
function withoutFinalSignal(alphas: Float64Array): Float64Array {
  const roots = alphas.map(Math.sqrt);
  const [first, last] = [roots[0]!, roots.at(-1)!];
  return roots.map((root) => (((root - last) * first) / (first - last)) ** 2);
}

/** σ = √((1 − ᾱ) / ᾱ) of every training timestep. A terminal ᾱ of zero is lifted to 2⁻²⁴ so that σ stays finite. */
export function trainingSigmas(alphas: Float64Array): Float64Array {
  return alphas.map((alpha) => Math.sqrt((1 - alpha) / (alpha || 2 ** -24)));
}

/** numpy's linspace. */
export function linspace(start: number, stop: number, count: number): number[] {
  if (count === 1) return [start];
  const step = (stop - start) / (count - 1);
  return Array.from({ length: count }, (_, i) => (i === count - 1 ? stop : i * step + start));
}

/** numpy's arange, downwards to (not including) 0: its step is the difference of the first two values. */
function downFrom(start: number, by: number): number[] {
  const count = Math.ceil(-start / -by);
  const step = start - by - start;
  return Array.from({ length: count }, (_, i) => start + i * step);
}

/** numpy's round. */
export const roundHalfEven = (x: number) => {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
};

/** Falling from the end of training in even strides of `floor(trained / parts)`; `count` of them. */
export function leadingTimesteps(trained: number, parts: number, count: number, offset: number): number[] {
  const stride = Math.floor(trained / parts);
  return Array.from({ length: count }, (_, i) => (parts - 1 - i) * stride + offset);
}

/** Falling from the last training timestep itself, in strides of `trained / count`, rounded. At some counts rounding adds one: −1, which indexes tables from their end. */
export function trailingTimesteps(trained: number, count: number, from = trained): number[] {
  return downFrom(from, trained / count).map((t) => roundHalfEven(t) - 1);
}

/** σ at fractional timesteps, linear between training timesteps. */
export function interpolateSigmas(sigmas: Float64Array, timesteps: readonly number[]): number[] {
  const last = sigmas.length - 1;
  return timesteps.map((t) => {
    const low = Math.min(Math.max(Math.floor(t), 0), last);
    const high = Math.min(low + 1, last);
    return sigmas[low]! + (sigmas[high]! - sigmas[low]!) * Math.min(Math.max(t - low, 0), 1);
  });
}

/** The (fractional) training timestep of a σ, linear in log σ: above the last σ that is not larger (with a terminal ᾱ of zero they may not rise throughout). */
export function timestepOfSigma(sigma: number, sigmas: Float64Array): number {
  const target = Math.log(Math.max(sigma, 1e-10));
  const last = sigmas.findLastIndex((trained) => Math.log(trained) <= target);
  const low = Math.min(Math.max(last, 0), sigmas.length - 2);
  const [below, above] = [Math.log(sigmas[low]!), Math.log(sigmas[low + 1]!)];
  return low + Math.min(Math.max((below - target) / (below - above), 0), 1);
}

/** A noise level as the pair (α, σ) with α² + σ² = 1, and half its log signal-to-noise ratio λ. */
export interface NoiseLevel {
  readonly alpha: number;
  readonly sigma: number;
  readonly lambda: number;
}

export function variancePreserving(sigma: number): NoiseLevel {
  const alpha = 1 / Math.sqrt(sigma ** 2 + 1);
  return { alpha, sigma: sigma * alpha, lambda: Math.log(alpha) - Math.log(sigma * alpha) };
}
