/**
 * DPM-Solver and DPM-Solver++ (Lu et al. 2022), multistep, of first to third order, and their stochastic forms, which renew part of the
 * noise at every step. Reference: diffusers 0.31.0 `DPMSolverMultistepScheduler`.
 * In diffusers 0.23 the final sigma was the smallest training sigma: say `final_sigmas_type: sigma_min` for that.
 */
import { z } from 'zod';
import { readPrediction } from './ddim.ts';
import { multistepSchedule } from './multistep-schedule.ts';
import {
  cumulativeAlphas,
  flag,
  noiseFields,
  predictionType,
  spacing,
  threshold,
  thresholdFields,
  trainingSigmas,
  variancePreserving,
  type NoiseLevel,
} from './noise-schedule.ts';
import { checkSteps, mix, needNoise, plain, recall, type History, type Schedule, type Scheduler } from './scheduler.ts';
import { atMostOneSpacing, respacingFields } from './sigma-spacing.ts';

/** DPM-Solver++ follows the picture that the network sees, DPM-Solver the noise. */
const seesPicture = ({ algorithm_type: type }: { algorithm_type: string }) => type.endsWith('++');
const isStochastic = ({ algorithm_type: type }: { algorithm_type: string }) => type.startsWith('sde');

export const DpmSolverConfig = z
  .object({
    ...noiseFields,
    prediction_type: predictionType,
    timestep_spacing: spacing('linspace'),
    solver_order: z.int().min(1).max(3).default(2),
    /** A file of another class may name that class's own types; they mean the default here. */
    algorithm_type: z
      .enum(['dpmsolver++', 'sde-dpmsolver++', 'dpmsolver', 'sde-dpmsolver', 'deis'])
      .default('dpmsolver++')
      .transform((type) => (type === 'deis' ? 'dpmsolver++' : type)),
    solver_type: z
      .enum(['midpoint', 'heun', 'logrho', 'bh1', 'bh2'])
      .default('midpoint')
      .transform((type) => (type === 'heun' ? 'heun' : 'midpoint')),
    lower_order_final: flag(true),
    euler_at_final: flag(false),
    ...respacingFields,
    use_lu_lambdas: flag(false),
    final_sigmas_type: z.enum(['zero', 'sigma_min']).default('zero'),
    lambda_min_clipped: z.union([z.number(), z.literal(-Infinity)]).default(-Infinity),
    variance_type: z.null().default(null),
    ...thresholdFields,
    rescale_betas_zero_snr: flag(false),
  })
  .refine(...atMostOneSpacing)
  .refine((config) => seesPicture(config) || config.final_sigmas_type === 'sigma_min', {
    error: 'dpmsolver and sde-dpmsolver need final_sigmas_type "sigma_min": they divide by the final sigma',
  })
  .refine((config) => !isStochastic(config) || config.solver_order < 3, { error: 'the stochastic forms have no solver_order 3' });
export type DpmSolverConfig = z.infer<typeof DpmSolverConfig>;

export function dpmSolver(config: DpmSolverConfig): Scheduler {
  const trained = trainingSigmas(cumulativeAlphas(config));
  return {
    schedule(steps) {
      checkSteps(steps, config.num_train_timesteps);
      const { timesteps, sigmas } = multistepSchedule(config, trained, steps);
      const levels = sigmas.map(variancePreserving);
      const schedule: Schedule = {
        ...plain,
        timesteps,
        sigmas,
        drawsNoise: () => isStochastic(config),
        step(latents, predicted, i, noise) {
          const order = orderAt(config, i, timesteps.length);
          const seen = [whatIsSeen(config, levels[i]!, latents, predicted)];
          for (let k = 1; k < config.solver_order && k <= i; k++) seen.push(recall(schedule.history, `seen.${k - 1}`, i));
          schedule.history = Object.fromEntries(seen.map((values, k) => [`seen.${k}`, values])) satisfies History;
          const integral = integrate(config, levels[i]!, levels[i + 1]!);
          const known = levels.slice(i + 1 - order, i + 1).map(({ lambda }) => lambda);
          const weights = differenceWeights(config, integral, known.reverse());
          const fresh = isStochastic(config) ? [[integral.noise, needNoise(noise, i)] as const] : [];
          const terms = weights.map((weight, k) => [-integral.share * weight, seen[k]!] as const);
          return Float32Array.from(mix([integral.keep, latents], ...terms, ...fresh));
        },
      };
      return schedule;
    },
  };
}

/** Rises by one a step, and falls again at the end where the last interval is infinite or the steps are few. */
function orderAt(config: DpmSolverConfig, i: number, steps: number): number {
  const isShort = config.lower_order_final && steps < 15;
  const order = Math.min(config.solver_order, i + 1);
  if (i === steps - 1 && (config.euler_at_final || isShort || config.final_sigmas_type === 'zero')) return 1;
  return i === steps - 2 && isShort ? Math.min(order, 2) : order;
}

/** The picture or the noise in the latents, whichever the algorithm follows. */
function whatIsSeen(config: DpmSolverConfig, { alpha, sigma }: NoiseLevel, latents: Float32Array, predicted: Float32Array): Float64Array {
  const { original, epsilon } = readPrediction(config.prediction_type, alpha ** 2, latents, predicted);
  if (config.thresholding) threshold(original, config);
  if (seesPicture(config)) return original;
  return config.thresholding ? mix([1 / sigma, latents], [-alpha / sigma, original]) : epsilon;
}

/**
 * One interval as an exponential integral: x ← keep·x − share·Σ wₖ·mₖ + noise·ε, where the weights come of `exponent`.
 * h = λₜ − λₛ is ∞ when the final sigma is 0.
 */
interface Integral {
  readonly h: number;
  readonly exponent: number;
  readonly keep: number;
  readonly share: number;
  readonly noise: number;
}

function integrate({ algorithm_type: type }: DpmSolverConfig, from: NoiseLevel, to: NoiseLevel): Integral {
  const h = to.lambda - from.lambda;
  const [sigmas, alphas] = [to.sigma / from.sigma, to.alpha / from.alpha];
  if (type === 'dpmsolver++') return { h, exponent: -h, keep: sigmas, share: to.alpha, noise: 0 };
  if (type === 'dpmsolver') return { h, exponent: h, keep: alphas, share: to.sigma, noise: 0 };
  if (type === 'sde-dpmsolver')
    return { h, exponent: h, keep: alphas, share: 2 * to.sigma, noise: to.sigma * Math.sqrt(Math.expm1(2 * h)) };
  const noise = to.sigma * Math.sqrt(-Math.expm1(-2 * h));
  return { h, exponent: -2 * h, keep: sigmas * Math.exp(-h), share: to.alpha, noise };
}

/**
 * What the newest and the older answers weigh: φ₁·m₀ + w₁·D₁ + w₂·D₂ with the divided differences D of the answers, written out in the
 * answers themselves. `lambdas` are those of the answers, newest first; their number is the order.
 */
function differenceWeights({ solver_type }: DpmSolverConfig, { h, exponent: x }: Integral, lambdas: readonly number[]): number[] {
  const phi = Math.expm1(x);
  if (lambdas.length === 1) return [phi];
  const [newest, second, third] = lambdas as [number, number, number?];
  const slope = phi / x - 1;
  const r0 = (newest - second) / h;
  if (third === undefined) {
    const weight = (solver_type === 'midpoint' ? phi / 2 : slope) / r0;
    return [phi + weight, -weight];
  }
  const r1 = (second - third) / h;
  const curve = (phi - x) / x ** 2 - 0.5;
  // D₁ = d₀ + r₀/(r₀ + r₁)·(d₀ − d₁), D₂ = (d₀ − d₁)/(r₀ + r₁), with d₀ = (m₀ − m₁)/r₀ and d₁ = (m₁ − m₂)/r₁
  const bend = (slope * r0 + curve) / (r0 + r1);
  const [d0, d1] = [(slope + bend) / r0, -bend / r1];
  return [phi + d0, d1 - d0, -d1];
}
