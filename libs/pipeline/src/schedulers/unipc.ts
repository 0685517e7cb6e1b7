/**
 * UniPC, predictor and corrector (Zhao et al. 2023), following the picture that the network sees, or (`predict_x0` false) the noise.
 * Reference: diffusers 0.31.0 `UniPCMultistepScheduler`.
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
} from './noise-schedule.ts';
import { checkSteps, mix, plain, recall, type History, type Schedule, type Scheduler } from './scheduler.ts';
import { atMostOneSpacing, respacingFields } from './sigma-spacing.ts';

export const UniPcConfig = z
  .object({
    ...noiseFields,
    prediction_type: predictionType,
    timestep_spacing: spacing('linspace'),
    solver_order: z.int().min(1).max(3).default(2),
    predict_x0: flag(true),
    /** A file of another class may name that class's own types; they mean the default here. */
    solver_type: z
      .enum(['bh1', 'bh2', 'midpoint', 'heun', 'logrho'])
      .default('bh2')
      .transform((type) => (type === 'bh1' ? 'bh1' : 'bh2')),
    lower_order_final: flag(true),
    disable_corrector: z.array(z.int()).default([]),
    solver_p: z.null().default(null),
    ...respacingFields,
    final_sigmas_type: z.enum(['zero', 'sigma_min']).default('zero'),
    ...thresholdFields,
    rescale_betas_zero_snr: flag(false),
  })
  .refine(...atMostOneSpacing)
  .refine((config) => config.predict_x0 || config.final_sigmas_type === 'sigma_min', {
    error: 'predict_x0 false needs final_sigmas_type "sigma_min": the noise cannot be followed to a sigma of 0',
  });
export type UniPcConfig = z.infer<typeof UniPcConfig>;

export function uniPc(config: UniPcConfig): Scheduler {
  const trained = trainingSigmas(cumulativeAlphas(config));
  return {
    schedule(steps) {
      checkSteps(steps, config.num_train_timesteps);
      const { timesteps, sigmas } = multistepSchedule(config, trained, steps, 'run');
      const levels = sigmas.map(variancePreserving);

      /** Rises by one a step, and falls towards the end. */
      const orderAt = (i: number) => {
        const order = config.lower_order_final ? Math.min(config.solver_order, timesteps.length - i) : config.solver_order;
        return Math.min(order, i + 1);
      };

      /**
       * From level `start` to the next with what was seen at `start`, `start` − 1, …; the corrector also knows what is seen at the end.
       * x ← (σₜ/σ₀)·x − αₜ·(e^−h − 1)·m₀ − αₜ·B(h)·Σ ρₖ·(mₖ − m₀)/rₖ with pictures; α and σ change places, and h its sign, with noises.
       */
      const advance = (
        sample: ArrayLike<number>,
        start: number,
        order: number,
        seen: readonly Float64Array[],
        atEnd?: Float64Array,
      ): Float64Array => {
        const [from, to] = [levels[start]!, levels[start + 1]!];
        const h = to.lambda - from.lambda;
        const [hh, keep, share] = config.predict_x0 ? [-h, to.sigma / from.sigma, to.alpha] : [h, to.alpha / from.alpha, to.sigma];
        const [m0] = seen as [Float64Array];
        const phi = Math.expm1(hh);
        const bh = config.solver_type === 'bh1' ? hh : phi;
        const ratios = Array.from({ length: order - 1 }, (_, k) => (levels[start - 1 - k]!.lambda - from.lambda) / h);
        const unknowns = atEnd ? [...ratios, 1] : ratios;
        const weights = unknowns.length === 1 ? [0.5] : solve(unknowns, hh, bh); // the reference takes ½ where there is one
        const terms: [number, ArrayLike<number>][] = [
          [keep, sample],
          [-share * phi, m0],
        ];
        const add = (weight: number, values: Float64Array) => terms.push([-share * bh * weight, values], [share * bh * weight, m0]);
        ratios.forEach((ratio, k) => add(weights[k]! / ratio, seen[k + 1]!));
        if (atEnd) add(weights.at(-1)!, atEnd);
        return mix(...terms);
      };

      const schedule: Schedule = {
        ...plain,
        timesteps,
        sigmas,
        step(latents, predicted, i) {
          const { original, epsilon } = readPrediction(config.prediction_type, levels[i]!.alpha ** 2, latents, predicted);
          if (config.thresholding) threshold(original, config);
          const newest = config.predict_x0 ? original : epsilon;
          const seen = i > 0 ? recallSeen(schedule.history, i) : [];
          const isCorrected = i > 0 && !config.disable_corrector.includes(i - 1);
          const sample = isCorrected
            ? advance(recall(schedule.history, 'sample', i), i - 1, orderAt(i - 1), seen, newest)
            : Float64Array.from(latents);
          const kept = [newest, ...seen].slice(0, config.solver_order);
          schedule.history = { sample, ...Object.fromEntries(kept.map((values, k) => [`seen.${k}`, values])) };
          return Float32Array.from(advance(sample, i, orderAt(i), kept));
        },
      };
      return schedule;
    },
  };
}

/** What was seen last, newest first. */
function recallSeen(history: History, i: number): Float64Array[] {
  const newest = recall(history, 'seen.0', i);
  return [
    newest,
    ...Object.keys(history)
      .filter((name) => /^seen\.[1-9]/.test(name))
      .sort()
      .map((name) => history[name]!),
  ];
}

/** ρ of R·ρ = b, where row k of R holds the k-th powers of the ratios and b the φ-functions of the interval over B(h). */
function solve(ratios: readonly number[], hh: number, bh: number): number[] {
  const n = ratios.length;
  let phi = Math.expm1(hh) / hh - 1;
  let factorial = 1;
  const rows = Array.from({ length: n }, (_, k) => {
    const row = [...ratios.map((ratio) => ratio ** k), (phi * factorial) / bh];
    factorial *= k + 2;
    phi = phi / hh - 1 / factorial;
    return row;
  });
  for (let k = 0; k < n; k++) {
    // Gauss–Jordan; the first row is all ones and the ratios differ, so no pivot vanishes
    const pivot = rows[k]![k]!;
    rows[k] = rows[k]!.map((value) => value / pivot);
    for (let j = 0; j < n; j++) {
      const factor = rows[j]![k]!;
      if (j !== k) rows[j] = rows[j]!.map((value, c) => value - factor * rows[k]![c]!);
    }
  }
  return rows.map((row) => row[n]!);
}
