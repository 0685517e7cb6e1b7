import type { WeightSource, WrittenTensor } from '@likeness/graph';
import { nextTurn } from '@likeness/inference';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { TrainingError } from '../errors.ts';
import type { AdamWOptions } from '../optimiser/adamw.ts';
import { updateAverage, type AverageOptions } from '../optimiser/average.ts';
import { learningRateAt, type Schedule } from '../optimiser/schedule.ts';
import { Random } from '../random.ts';
import { saveWeights } from '../parameters/save-weights.ts';
import { Checkpoints } from './checkpoints.ts';
import { Curve } from './curve.ts';
import { Rate } from './rate.ts';
import { TrainingStep, type Measured } from './step.ts';
import type { Task } from './task.ts';

export interface TrainingOptions extends Partial<Schedule>, Partial<AdamWOptions> {
  readonly steps: number;
  readonly seed: number;
  /** Examples of a step: for the rate that is shown. */
  readonly batch: number;
  readonly learningRate: number;
  /** An exponential moving average of the weights, which is then what the training gives; without it, the weights of the last step. */
  readonly ema?: AverageOptions | undefined;
  /** Where checkpoints, curves and the trained weights go. */
  readonly directory: string;
  /** Steps from one checkpoint to the next. */
  readonly checkpointEvery: number;
  readonly evaluateEvery?: number | undefined;
  /** Go on from the last checkpoint of the directory, from the beginning where there is none. */
  readonly resume?: boolean;
  /** What the run is called in its plot. */
  readonly title?: string;
  /** Whatever else the run depends on: a checkpoint is only resumed by a run of the same recipe. */
  readonly recipe?: unknown;
  /** Threads of a step. The numbers may differ in their last bits between one count and another. */
  readonly threads?: number | undefined;
  readonly onProgress?: (progress: TrainingProgress) => void;
  /** Asks the training to stop after the step it is in, and to leave a checkpoint. */
  readonly signal?: AbortSignal;
}

export interface TrainingProgress {
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  /** Of the held-out measurement, in the steps that have one. */
  readonly evaluation: Readonly<Record<string, number>> | undefined;
  readonly learningRate: number;
  /** Examples a second, lately. */
  readonly rate: number;
  /** Share of the time, lately, in which the step had to wait for its batch. */
  readonly waiting: number;
  /** Seconds until the end at that rate. */
  readonly remaining: number;
}

export interface TrainingResult {
  /** The last step that was made. */
  readonly step: number;
  /** False when the signal stopped it. */
  readonly finished: boolean;
  /** Of the last step that was made here; undefined where none was left to make. */
  readonly loss: number | undefined;
  /** The averaged weights (without average the last), everything the model reads included. */
  readonly weights: WeightSource;
  /** Where they lie, as float32 safetensors, once the training has finished. */
  readonly file: string;
}

/**
 * Trains: from its seed alone to the same bits with the same number of threads, whether it was interrupted or not.
 * @throws TrainingError `run_exists`, `checkpoint_mismatch`, `loss_not_finite` (the checkpoints before it stay)
 */
export async function train(task: Task, options: TrainingOptions): Promise<TrainingResult> {
  const { steps, seed, ema, directory, signal } = options;
  const { optimiser, schedule, recipe } = resolve(options);
  const checkpoints = new Checkpoints(join(directory, 'checkpoints'), recipe);
  if (!options.resume) refuseIfBegun(directory, checkpoints);
  mkdirSync(directory, { recursive: true });

  const training = await TrainingStep.create(task, { seed, optimiser, threads: options.threads });
  try {
    const average = ema && new Map([...training.weights()].map(([key, values]) => [key, values.slice()]));
    const weights = () => training.parameters.with(average ?? training.weights());
    let step = checkpoints.restore(everything(training, average));
    const curve = new Curve(directory, options.title ?? 'training', step);
    const rate = new Rate(options.batch);
    let saved = step;
    const save = async () => {
      checkpoints.save(step, everything(training, average));
      await curve.save();
      saved = step;
    };

    const batchOf = (of: number) => task.batch(of, new Random(seed, 'batch', of));
    let coming = step < steps ? batchOf(step + 1) : undefined;
    let loss: number | undefined;
    while (coming && !signal?.aborted) {
      const begun = performance.now();
      const batch = await coming;
      step += 1;
      coming = step < steps ? batchOf(step + 1) : undefined; // its files are read while the step runs
      coming?.catch(() => {}); // what it throws is met where it is awaited
      const waited = performance.now() - begun;

      const learningRate = learningRateAt(step, steps, schedule);
      const measured = await training.run(step, learningRate, batch);
      ({ loss } = measured);
      if (!Number.isFinite(loss) || !Number.isFinite(measured.metrics['gradient_norm'])) throw notFinite(step, measured, checkpoints);
      if (average && step % ema.every === 0) updateAverage(average, training.weights(), step / ema.every, ema);
      rate.add(performance.now() - begun, waited);

      const evaluation = evaluates(step, options) ? await task.evaluate?.(weights(), step) : undefined;
      curve.add({ step, loss, ...measured.metrics, learning_rate: learningRate, rate: rate.perSecond }, evaluation);
      const pace = { rate: rate.perSecond, waiting: rate.waiting, remaining: rate.remaining(steps - step) };
      options.onProgress?.({ step, steps, ...measured, evaluation, learningRate, ...pace });
      if (step === steps || step % options.checkpointEvery === 0) await save();
      await nextTurn(); // signals are heard between two steps
    }
    if (step > saved) await save();

    const file = join(directory, 'weights.safetensors');
    if (step === steps) saveWeights(file, weights());
    return { step, finished: step === steps, loss, weights: weights(), file };
  } finally {
    await training.release();
  }
}

/** The options with what they leave open, and all that the numbers of the run depend on, for its checkpoints. */
function resolve({ steps, seed, learningRate, ema, recipe, ...options }: TrainingOptions) {
  const optimiser: AdamWOptions = {
    betas: options.betas ?? [0.9, 0.999],
    epsilon: options.epsilon ?? 1e-8,
    weightDecay: options.weightDecay ?? 0.01,
    decayVectors: options.decayVectors ?? false,
    clipNorm: options.clipNorm,
  };
  const schedule: Schedule = {
    learningRate,
    warmup: options.warmup ?? 0,
    schedule: options.schedule ?? 'cosine',
    finalShare: options.finalShare ?? 0,
  };
  return { optimiser, schedule, recipe: { steps, seed, optimiser, schedule, ema, recipe } };
}

const evaluates = (step: number, { steps, evaluateEvery }: TrainingOptions): boolean =>
  step === steps || (evaluateEvery !== undefined && step % evaluateEvery === 0);

/** What a checkpoint holds: the state of the step, and the average under `average.` and its key. */
function everything(training: TrainingStep, average: ReadonlyMap<string, Float32Array> | undefined): Map<string, WrittenTensor> {
  const tensors = new Map<string, WrittenTensor>();
  for (const [name, { dims, data }] of training.state()) tensors.set(name, { shape: dims, values: data });
  for (const [key, values] of average ?? []) tensors.set(`average.${key}`, { shape: training.parameters.inputs.get(key)!.dims, values });
  return tensors;
}

function refuseIfBegun(directory: string, checkpoints: Checkpoints): void {
  const steps = checkpoints.steps();
  if (steps.length === 0) return;
  const message = `${directory} holds a run that has come to step ${steps.at(-1)}: resume it, or train into another folder.`;
  throw new TrainingError('run_exists', message, { directory, steps });
}

function notFinite(step: number, { loss, metrics }: Measured, checkpoints: Checkpoints): TrainingError {
  const last = checkpoints.steps().at(-1);
  const what = Number.isFinite(loss) ? `norm of the gradients is ${metrics['gradient_norm']}` : `loss is ${loss}`;
  const message = `The ${what} at step ${step}. ${last === undefined ? 'There is no checkpoint before it' : `The checkpoint of step ${last} stays`}; try a lower learning rate, a longer warm-up or a smaller clip norm.`;
  return new TrainingError('loss_not_finite', message, { step, loss, metrics, checkpoint: last });
}
