/** What every scheduler offers to the denoising loop: schedule → (scale → predict → step) for each timestep. */
import { PipelineError } from '../errors.ts';

export interface Scheduler {
  /** A run of `steps` denoising steps. @throws PipelineError `invalid_argument` when the class cannot make so many */
  schedule(steps: number): Schedule;
}

/** One run. Latents and predictions are flat float32 arrays of any shape; tables and sums are float64. */
export interface Schedule {
  /** What the network is told, call by call; fractional for some classes. PNDM calls once more than there are steps. */
  readonly timesteps: readonly number[];
  /** Noise level before each call and after the last, for the classes that think in sigmas. */
  readonly sigmas?: readonly number[];
  /** Unit normal noise times this is where the run begins. */
  readonly initNoiseSigma: number;
  /** Whether `step(…, i)` needs fresh unit normal noise. */
  drawsNoise(i: number): boolean;
  /** The network's input at call i. */
  scale(latents: Float32Array, i: number): Float32Array;
  /** The latents after call i, from those before it and the (guided) prediction. Calls come in order. */
  step(latents: Float32Array, predicted: Float32Array, i: number, noise?: Float32Array): Float32Array;
  /** What a multistep class remembers between calls: keep it beside the latents to resume a run after call i. */
  history: History;
}

/** Named arrays only, so that it can be stored like any tensor. */
export type History = Readonly<Record<string, Float64Array>>;

/** Σ weight · values, in float64. */
export function mix(...terms: readonly (readonly [weight: number, values: ArrayLike<number>])[]): Float64Array {
  const sum = new Float64Array(terms[0]![1].length);
  for (const [weight, values] of terms) for (let i = 0; i < sum.length; i++) sum[i]! += weight * values[i]!;
  return sum;
}

/** The fields most classes share: no scaling of the input, no noise, nothing remembered. */
export const plain = {
  initNoiseSigma: 1,
  drawsNoise: () => false,
  scale: (latents: Float32Array) => latents,
  history: {} as History,
};

export function needNoise(noise: Float32Array | undefined, i: number): Float32Array {
  if (!noise) throw new PipelineError('invalid_argument', `Step ${i} of this scheduler needs noise.`, { step: i });
  return noise;
}

/** An entry of the history; its absence means that a run was resumed without it. */
export function recall(history: History, name: string, i: number): Float64Array {
  const values = history[name];
  if (!values)
    throw new PipelineError('invalid_argument', `Step ${i} needs the scheduler's history ("${name}"), which was not restored.`, {
      step: i,
    });
  return values;
}

export function checkSteps(steps: number, most: number): void {
  if (Number.isInteger(steps) && steps >= 1 && steps <= most) return;
  throw new PipelineError('invalid_argument', `This scheduler makes 1 to ${most} steps, not ${steps}.`, { steps, most });
}
