/**
 * Pseudo numerical methods (Liu et al. 2022, formula 9). Reference: diffusers 0.31.0 `PNDMScheduler`.
 * With `skip_prk_steps`, as Stable Diffusion's files say, it is PLMS, and the second timestep comes twice; without, a Runge–Kutta
 * warm-up of twelve calls comes first.
 */
import { z } from 'zod';
import { PipelineError } from '../errors.ts';
import { integerTimesteps } from './ddim.ts';
import { cumulativeAlphas, flag, noiseFields, spacing } from './noise-schedule.ts';
import { checkSteps, mix, plain, recall, type History, type Schedule, type Scheduler } from './scheduler.ts';

export const PndmConfig = z.object({
  ...noiseFields,
  prediction_type: z.enum(['epsilon', 'v_prediction']).default('epsilon'),
  timestep_spacing: spacing('leading'),
  skip_prk_steps: flag(false),
  set_alpha_to_one: flag(false),
});
export type PndmConfig = z.infer<typeof PndmConfig>;

/** Adams–Bashforth weights of the newest and the older predictions, over a common divisor. */
const adamsBashforth = [[1], [3 / 2, -1 / 2], [23 / 12, -16 / 12, 5 / 12], [55 / 24, -59 / 24, 37 / 24, -9 / 24]] as const;
/** Weights of the four predictions of a classical Runge–Kutta step. */
const rungeKutta = [1 / 6, 1 / 3, 1 / 3, 1 / 6] as const;

export function pndm(config: PndmConfig): Scheduler {
  const alphas = cumulativeAlphas(config);
  const alphaAt = (t: number) => (t >= 0 ? alphas[t]! : config.set_alpha_to_one ? 1 : alphas[0]!);

  /** Formula (9): from timestep t to `next` along one direction. */
  const move = (sample: ArrayLike<number>, direction: ArrayLike<number>, t: number, next: number): Float64Array => {
    const [alpha, after] = [alphas.at(t)!, alphaAt(next)];
    const epsilon = config.prediction_type === 'epsilon' ? direction : mix([Math.sqrt(alpha), direction], [Math.sqrt(1 - alpha), sample]);
    const divisor = alpha * Math.sqrt(1 - after) + Math.sqrt(alpha * (1 - alpha) * after);
    return mix([Math.sqrt(after / alpha), sample], [-(after - alpha) / divisor, epsilon]);
  };

  return {
    schedule(steps) {
      checkSteps(steps, config.num_train_timesteps);
      if (!config.skip_prk_steps && steps < 4)
        throw new PipelineError('invalid_argument', `PNDM's warm-up takes 4 steps or more, not ${steps}.`, { steps });
      const stride = Math.floor(config.num_train_timesteps / steps);
      const spaced = integerTimesteps(config, steps);
      const warmUp = config.skip_prk_steps ? [] : warmUpTimesteps(spaced, stride);
      const timesteps = [...warmUp, ...(config.skip_prk_steps ? repeatSecond(spaced) : spaced.slice(3))];

      const schedule: Schedule = {
        ...plain,
        timesteps,
        step(latents, predicted, i) {
          const result = i < warmUp.length ? rungeKuttaStep(latents, predicted, i) : multistep(latents, predicted, i);
          return Float32Array.from(result);
        },
      };

      const rungeKuttaStep = (latents: Float32Array, predicted: Float32Array, i: number): Float64Array => {
        const phase = i % 4;
        const group = timesteps[i - phase]!;
        const next = timesteps[i]! - (i % 2 === 1 ? 0 : Math.floor(stride / 2));
        const isFirst = phase === 0;
        const sample = isFirst ? Float64Array.from(latents) : recall(schedule.history, 'sample', i);
        const sum = mix([rungeKutta[phase]!, predicted], ...(isFirst ? [] : [[1, recall(schedule.history, 'sum', i)] as const]));
        const older = predictions(schedule.history);
        schedule.history = { sample, sum, ...remember(isFirst ? [Float64Array.from(predicted), ...older] : older) };
        return move(sample, phase === 3 ? sum : predicted, group, next);
      };

      const multistep = (latents: Float32Array, predicted: Float32Array, i: number): Float64Array => {
        const t = timesteps[i]!;
        const newest = Float64Array.from(predicted);
        if (i === 1) {
          // the second call repeats the first step with the mean of both predictions
          const first = recall(schedule.history, 'prediction.0', i);
          const sample = recall(schedule.history, 'sample', i);
          schedule.history = remember([first]);
          return move(sample, mix([0.5, newest], [0.5, first]), t + stride, t);
        }
        const known = [newest, ...predictions(schedule.history)].slice(0, 4);
        const weights = adamsBashforth[known.length - 1]!;
        schedule.history = { ...(i === 0 ? { sample: Float64Array.from(latents) } : {}), ...remember(known.slice(0, 3)) };
        return move(latents, mix(...known.map((values, k) => [weights[k]!, values] as const)), t, t - stride);
      };

      return schedule;
    },
  };
}

/** PLMS: the second timestep twice. */
const repeatSecond = (timesteps: readonly number[]) => [...timesteps.slice(0, 2), ...timesteps.slice(1)];

/** Four calls for each of the first three intervals: at its start, twice half-way, at its end. */
function warmUpTimesteps(timesteps: readonly number[], stride: number): number[] {
  const half = Math.floor(stride / 2);
  const points = timesteps
    .slice(0, 4)
    .reverse()
    .flatMap((t) => [t, t + half]); // rising
  return points
    .slice(0, -1)
    .flatMap((t) => [t, t])
    .slice(1, -1)
    .reverse();
}

const remember = (newestFirst: readonly Float64Array[]): History =>
  Object.fromEntries(newestFirst.map((values, k) => [`prediction.${k}`, values]));

/** The kept predictions, newest first. */
const predictions = (history: History): Float64Array[] =>
  Object.keys(history)
    .filter((name) => name.startsWith('prediction.'))
    .sort()
    .map((name) => history[name]!);
