/** What a network predicts is one and the same knowledge in three forms: the noise ε, the picture x₀, or v = √ᾱ·ε − √(1 − ᾱ)·x₀. */
import { describe, expect, it } from 'vitest';
import { createScheduler, schedulerNames, type SchedulerName } from './index.ts';

const file = {
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  num_train_timesteps: 1000,
  steps_offset: 1,
  set_alpha_to_one: false,
  skip_prk_steps: true,
  clip_sample: false,
};
type PredictionType = 'epsilon' | 'sample' | 'v_prediction';
type Fields = Readonly<Record<string, unknown>>;

/** PNDM mixes what was predicted at several noise levels, where ε and v are not the same mixture; it has a test of its own. */
const names = (Object.keys(schedulerNames) as SchedulerName[]).filter((name) => name !== 'pndm');

/** ᾱ of the training timesteps, with the last one as pure noise or as it is. */
function alphasOf({ rescale_betas_zero_snr: isRescaled }: Fields): Float64Array {
  let alpha = 1;
  const alphas = Float64Array.from({ length: 1000 }, (_, i) => {
    const beta = (Math.sqrt(0.00085) + (i / 999) * (Math.sqrt(0.012) - Math.sqrt(0.00085))) ** 2;
    return (alpha *= 1 - beta);
  });
  if (!isRescaled) return alphas;
  const [first, last] = [Math.sqrt(alphas[0]!), Math.sqrt(alphas[999]!)];
  return alphas.map((a) => (((Math.sqrt(a) - last) * first) / (first - last)) ** 2);
}

/** A network that believes in a picture which depends on what it sees: no scheduler can make up for a wrong reading of it. */
const believed = (x: number, t: number, k: number) => Math.tanh(x - 0.3 * k) + t / 4000;

function inForm(type: PredictionType, original: number, x: number, alpha: number): number {
  const epsilon = (x - Math.sqrt(alpha) * original) / Math.sqrt(1 - alpha);
  if (type === 'epsilon') return epsilon;
  return type === 'sample' ? original : Math.sqrt(alpha) * epsilon - Math.sqrt(1 - alpha) * original;
}

/** The latents after every step. */
function trajectory(name: SchedulerName, type: PredictionType, fields: Fields = {}): number[][] {
  const alphas = alphasOf(fields);
  const schedule = createScheduler(name, { ...file, ...fields, prediction_type: type }).schedule(9);
  let latents: Float32Array = Float32Array.of(1.5, -0.3, 0.2).map((x) => x * schedule.initNoiseSigma);
  return schedule.timesteps.map((t, i) => {
    const sigma = schedule.sigmas?.[i];
    const alpha = sigma === undefined ? alphas[t]! : 1 / (sigma ** 2 + 1);
    const predicted = schedule.scale(latents, i).map((x, k) => inForm(type, believed(x, t, k), x, alpha));
    const noise = schedule.drawsNoise(i) ? Float32Array.of(0.1, -0.2, 0.3).map((x) => x * (i + 1)) : undefined;
    latents = schedule.step(latents, predicted, i, noise);
    return Array.from(latents);
  });
}

function expectClose(found: number[][], wanted: number[][]): void {
  expect(found).toHaveLength(wanted.length);
  for (const [i, values] of found.entries())
    for (const [k, value] of values.entries()) expect(Math.abs(value - wanted[i]![k]!)).toBeLessThan(2e-5 * Math.max(1, Math.abs(value)));
}

describe.each(names)('%s', (name) => {
  const { class: scheduler } = schedulerNames[name];
  const spacings: Fields[] = scheduler === 'LCMScheduler' ? [{}] : [{}, { timestep_spacing: 'leading' }, { timestep_spacing: 'trailing' }];

  it.each(spacings)('goes the same way by v as by the noise: %o', (fields) => {
    expectClose(trajectory(name, 'v_prediction', fields), trajectory(name, 'epsilon', fields));
  });

  if (scheduler === 'EulerAncestralDiscreteScheduler') return; // diffusers' has no prediction of the picture

  it('goes the same way by v as by the picture', () => {
    expectClose(trajectory(name, 'v_prediction'), trajectory(name, 'sample'));
  });

  it('begins in pure noise by v, where the noise would say nothing', () => {
    const fields = { rescale_betas_zero_snr: true, timestep_spacing: 'trailing' };
    const byV = trajectory(name, 'v_prediction', fields);
    expect(byV.flat().every(Number.isFinite)).toBe(true);
    expectClose(byV, trajectory(name, 'sample', fields));
  });
});

/** `step_plms` and `_get_prev_sample` of diffusers 0.31.0, line by line. */
it('pndm mixes the predictions of v, and reads each mixture at its own noise level', () => {
  const alphas = alphasOf({});
  const schedule = createScheduler('pndm', { ...file, prediction_type: 'v_prediction' }).schedule(9);
  const stride = 111;
  const seen: number[] = [];
  let [latents, kept, wanted]: [Float32Array, number, number] = [Float32Array.of(1.5), 0, 1.5];
  for (const [i, timestep] of schedule.timesteps.entries()) {
    const predict = (x: number) => inForm('v_prediction', believed(x, timestep, 0), x, alphas[timestep]!);
    let [output, sample, t, previous] = [predict(wanted), wanted, timestep, timestep - stride];
    if (i === 1) [previous, t] = [timestep, timestep + stride];
    else seen.push(output);
    const [e1 = 0, e2 = 0, e3 = 0, e4 = 0] = seen.toReversed();
    if (i === 0) kept = sample;
    else if (i === 1) [output, sample] = [(output + e1) / 2, kept];
    else if (seen.length === 2) output = (3 * e1 - e2) / 2;
    else if (seen.length === 3) output = (23 * e1 - 16 * e2 + 5 * e3) / 12;
    else output = (55 * e1 - 59 * e2 + 37 * e3 - 9 * e4) / 24;
    const [alpha, after] = [alphas[t]!, previous >= 0 ? alphas[previous]! : alphas[0]!];
    const epsilon = Math.sqrt(alpha) * output + Math.sqrt(1 - alpha) * sample;
    const denominator = alpha * Math.sqrt(1 - after) + Math.sqrt(alpha * (1 - alpha) * after);
    wanted = Math.sqrt(after / alpha) * sample - ((after - alpha) * epsilon) / denominator;

    latents = schedule.step(latents, latents.map(predict), i);
    expect(latents[0]!).toBeCloseTo(wanted, 4);
  }
});
