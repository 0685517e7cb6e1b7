/**
 * Noise levels that are placed by σ and not by timestep, in float64.
 * Reference: diffusers 0.31.0 `_convert_to_karras`, `_convert_to_lu`, `_convert_to_exponential`, `_convert_to_beta`.
 */
import { z } from 'zod';
import { flag, linspace } from './noise-schedule.ts';

/** The fields by which a file asks for it. At most one spacing is on; σ's bounds are the training's unless stated. */
export const respacingFields = {
  use_karras_sigmas: flag(false),
  use_exponential_sigmas: flag(false),
  use_beta_sigmas: flag(false),
  sigma_min: z.number().positive().nullable().default(null),
  sigma_max: z.number().positive().nullable().default(null),
};
type RespacingConfig = z.infer<z.ZodObject<typeof respacingFields>>;

/** The rule of diffusers, as a refinement of a scheduler's configuration. */
export const atMostOneSpacing = [
  (config: RespacingConfig) => [config.use_karras_sigmas, config.use_exponential_sigmas, config.use_beta_sigmas].filter(Boolean).length < 2,
  { error: 'only one of use_karras_sigmas, use_exponential_sigmas and use_beta_sigmas may be on' },
] as const;

/** `count` falling σ, or undefined when the file asks for no spacing of its own. */
export function respacedSigmas(config: RespacingConfig, largest: number, smallest: number, count: number): number[] | undefined {
  const bounds = [config.sigma_max ?? largest, config.sigma_min ?? smallest, count] as const;
  if (config.use_karras_sigmas) return karrasSigmas(...bounds);
  if (config.use_exponential_sigmas) return exponentialSigmas(...bounds);
  return config.use_beta_sigmas ? betaSigmas(...bounds) : undefined;
}

/** Karras et al. 2022, equation 5: σ^(1/7) falls evenly. */
function karrasSigmas(largest: number, smallest: number, count: number): number[] {
  const rho = 7;
  const [from, to] = [largest ** (1 / rho), smallest ** (1 / rho)];
  return linspace(0, 1, count).map((ramp) => (from + ramp * (to - from)) ** rho);
}

/** log σ falls evenly. */
export function exponentialSigmas(largest: number, smallest: number, count: number): number[] {
  const [from, to] = [Math.log(largest), Math.log(smallest)];
  return linspace(0, 1, count).map((ramp) => Math.exp(from + ramp * (to - from)));
}

/** "Beta Sampling is All You Need" (Lee et al. 2024): quantiles of a beta distribution that is dense at both ends. */
function betaSigmas(largest: number, smallest: number, count: number): number[] {
  return linspace(0, 1, count).map((ramp) => smallest + betaQuantile(1 - ramp, 0.6) * (largest - smallest));
}

/**
 * Where the symmetric beta distribution with both parameters `a` ≤ 1 has the probability `p` below it.
 * Newton on y = x^a, in which the distribution function is nearly a line and convex: from above it falls to the root without overshooting.
 */
export function betaQuantile(p: number, a: number): number {
  if (p > 0.5) return 1 - betaQuantile(1 - p, a);
  const target = 2 * p * incompleteBeta(0.5, a);
  let x = Math.min((a * target) ** (1 / a), 0.5);
  for (let round = 0; round < 20 && x > 0; round++) {
    const excess = incompleteBeta(x, a) - target;
    const next = Math.max(x ** a - excess * a * (1 - x) ** (1 - a), 0) ** (1 / a);
    if (next >= x) break;
    x = next;
  }
  return x;
}

/** ∫₀ˣ (t(1 − t))^(a−1) dt for x ≤ ½, as the power series x^a · Σ (1 − a)ₖ/k! · xᵏ/(a + k): half a decimal digit a term or more. */
function incompleteBeta(x: number, a: number): number {
  let sum = 0;
  let power = x ** a;
  for (let k = 0; k < 60; k++) {
    sum += power / (a + k);
    power *= (x * (k + 1 - a)) / (k + 1);
  }
  return sum;
}
