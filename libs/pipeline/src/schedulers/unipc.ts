/** UniPC, predictor and corrector of any order (Zhao et al. 2023). Reference: diffusers 0.31.0 `UniPCMultistepScheduler` with `predict_x0`. */
import { z } from 'zod';
import { readPrediction } from './ddim.ts';
import { multistepSchedule } from './dpmpp-2m.ts';
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

export const UniPcConfig = z.object({
  ...noiseFields,
  prediction_type: predictionType,
  timestep_spacing: spacing('linspace'),
  solver_order: z.int().min(1).max(3).default(2),
  predict_x0: flag(true).pipe(z.literal(true)),
  /** A file of another class may name that class's own types; they mean the default here. */
  solver_type: z
    .enum(['bh1', 'bh2', 'midpoint', 'heun', 'logrho'])
    .default('bh2')
    .transform((type) => (type === 'bh1' ? 'bh1' : 'bh2')),
  lower_order_final: flag(true),
  disable_corrector: z.array(z.int()).default([]),
  solver_p: z.null().default(null),
  use_karras_sigmas: flag(false),
  use_exponential_sigmas: flag(false).pipe(z.literal(false)),
  use_beta_sigmas: flag(false).pipe(z.literal(false)),
  sigma_min: z.number().positive().nullable().default(null),
  sigma_max: z.number().positive().nullable().default(null),
  final_sigmas_type: z.enum(['zero', 'sigma_min']).default('zero'),
  ...thresholdFields,
  rescale_betas_zero_snr: flag(false),
});
export type UniPcConfig = z.infer<typeof UniPcConfig>;

export function uniPc(config: UniPcConfig): Scheduler {
  const trained = trainingSigmas(cumulativeAlphas(config));
  return {
    schedule(steps) {
      checkSteps(steps, config.num_train_timesteps);
      const { timesteps, sigmas } = multistepSchedule({ ...config, final_karras: 'schedule' }, trained, steps);
      const levels = sigmas.map(variancePreserving);

      /** Rises by one a step, and falls towards the end. */
      const orderAt = (i: number) => {
        const order = config.lower_order_final ? Math.min(config.solver_order, timesteps.length - i) : config.solver_order;
        return Math.min(order, i + 1);
      };

      /**
       * From level `start` to the next with the pictures seen at `start`, `start` − 1, …; the corrector also knows the picture at the end.
       * x ← (σₜ/σ₀)·x − αₜ·(e^−h − 1)·m₀ − αₜ·B(h)·Σ ρₖ·(mₖ − m₀)/rₖ
       */
      const advance = (
        sample: ArrayLike<number>,
        start: number,
        order: number,
        seen: readonly Float64Array[],
        atEnd?: Float64Array,
      ): Float64Array => {
        const [from, to] = [levels[start]!, levels[start + 1]!];
        const hh = from.lambda - to.lambda; // −h
        const [m0] = seen as [Float64Array];
        const phi = Math.expm1(hh);
        const bh = config.solver_type === 'bh1' ? hh : phi;
        const ratios = Array.from({ length: order - 1 }, (_, k) => (levels[start - 1 - k]!.lambda - from.lambda) / -hh);
        const unknowns = atEnd ? [...ratios, 1] : ratios;
        const weights = unknowns.length === 1 ? [0.5] : solve(unknowns, hh, bh); // the reference takes ½ where there is one
        const terms: [number, ArrayLike<number>][] = [
          [to.sigma / from.sigma, sample],
          [-to.alpha * phi, m0],
        ];
        const add = (weight: number, picture: Float64Array) => terms.push([-to.alpha * bh * weight, picture], [to.alpha * bh * weight, m0]);
        ratios.forEach((ratio, k) => add(weights[k]! / ratio, seen[k + 1]!));
        if (atEnd) add(weights.at(-1)!, atEnd);
        return mix(...terms);
      };

      const schedule: Schedule = {
        ...plain,
        timesteps,
        sigmas,
        step(latents, predicted, i) {
          const { original } = readPrediction(config.prediction_type, levels[i]!.alpha ** 2, latents, predicted);
          if (config.thresholding) threshold(original, config);
          const seen = i > 0 ? recallPictures(schedule.history, i) : [];
          const isCorrected = i > 0 && !config.disable_corrector.includes(i - 1);
          const sample = isCorrected
            ? advance(recall(schedule.history, 'sample', i), i - 1, orderAt(i - 1), seen, original)
            : Float64Array.from(latents);
          const pictures = [original, ...seen].slice(0, config.solver_order);
          schedule.history = { sample, ...Object.fromEntries(pictures.map((picture, k) => [`picture.${k}`, picture])) };
          return Float32Array.from(advance(sample, i, orderAt(i), pictures));
        },
      };
      return schedule;
    },
  };
}

/** The latest pictures, newest first. */
function recallPictures(history: History, i: number): Float64Array[] {
  const newest = recall(history, 'picture.0', i);
  return [
    newest,
    ...Object.keys(history)
      .filter((name) => /^picture\.[1-9]/.test(name))
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
