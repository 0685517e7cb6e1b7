import { describe, expect, it } from 'vitest';
import { PipelineError } from '../errors.ts';
import { createScheduler, schedulerFromConfig, schedulerNames, type SchedulerName } from './index.ts';

/** scheduler_config.json of Stable Diffusion 1.5. */
const sd15 = {
  _class_name: 'PNDMScheduler',
  _diffusers_version: '0.6.0',
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  beta_start: 0.00085,
  num_train_timesteps: 1000,
  set_alpha_to_one: false,
  skip_prk_steps: true,
  steps_offset: 1,
  trained_betas: null,
  clip_sample: false,
};

const names = Object.keys(schedulerNames) as SchedulerName[];
const first = (values: readonly number[], n = 3) => values.slice(0, n).map((v) => Number(v.toFixed(4)));

/** A run against a made-up network, optionally stopped and resumed before a call. */
function run(name: SchedulerName, steps: number, stopAndResumeAt = -1, fields: Record<string, unknown> = {}): Float32Array {
  const scheduler = createScheduler(name, { ...sd15, ...fields });
  let schedule = scheduler.schedule(steps);
  let latents: Float32Array = Float32Array.from([1.5, -0.3, 0.2], (x) => x * schedule.initNoiseSigma);
  for (const i of schedule.timesteps.keys()) {
    if (i === stopAndResumeAt) {
      const history = structuredClone(schedule.history);
      schedule = scheduler.schedule(steps);
      schedule.history = history;
    }
    const input = schedule.scale(latents, i);
    const predicted = input.map((x, k) => Math.tanh(x) * (1 - k / 10));
    latents = schedule.step(latents, predicted, i, schedule.drawsNoise(i) ? Float32Array.of(0.1, -0.2, 0.3) : undefined);
  }
  return latents;
}

/** Runs of the same made-up network by diffusers 0.31.0 with float64 tables: what a file may state beside the names of the API. */
const variants: [SchedulerName, number, Record<string, unknown>, number[]][] = [
  ['euler', 6, { use_exponential_sigmas: true }, [8.318849, -0.2618965, 0.259692]],
  ['euler', 6, { use_beta_sigmas: true }, [8.019528, -0.2110248, 0.221601]],
  ['euler', 6, { timestep_type: 'continuous', prediction_type: 'v_prediction' }, [0.2558985, -0.04157709, 0.03462631]],
  ['dpmpp_2m', 8, { solver_order: 3 }, [8.077308, -0.2298654, 0.2085688]],
  ['dpmpp_2m', 8, { solver_order: 3, lower_order_final: false, final_sigmas_type: 'sigma_min' }, [8.092959, -0.2744371, 0.2543961]],
  ['dpmpp_2m', 6, { use_lu_lambdas: true }, [8.155838, -0.1991338, 0.1690413]],
  ['dpmpp_2m', 6, { algorithm_type: 'dpmsolver', final_sigmas_type: 'sigma_min' }, [8.163928, -0.2318832, 0.2130584]],
  ['dpmpp_2m', 8, { algorithm_type: 'dpmsolver', final_sigmas_type: 'sigma_min', solver_order: 3 }, [8.097616, -0.2361347, 0.2139332]],
  [
    'dpmpp_2m',
    6,
    { algorithm_type: 'dpmsolver', final_sigmas_type: 'sigma_min', solver_type: 'heun', prediction_type: 'v_prediction' },
    [0.3555713, -0.06037255, 0.04782721],
  ],
  ['dpmpp_2m', 6, { algorithm_type: 'sde-dpmsolver', final_sigmas_type: 'sigma_min' }, [0.1501858, -0.2196288, 0.5684538]],
  [
    'dpmpp_2m',
    6,
    { algorithm_type: 'sde-dpmsolver', final_sigmas_type: 'sigma_min', solver_type: 'heun' },
    [0.146192, -0.2197643, 0.584308],
  ],
  ['dpmpp_2m', 6, { algorithm_type: 'sde-dpmsolver++', solver_type: 'heun', euler_at_final: true }, [0.899204, -0.25152, 0.6029744]],
  ['dpmpp_2m', 6, { algorithm_type: 'dpmsolver', final_sigmas_type: 'sigma_min', thresholding: true }, [1.041414, -0.2318832, 0.2130584]],
  ['unipc', 8, { predict_x0: false, final_sigmas_type: 'sigma_min', solver_order: 3 }, [7.905086, -0.2249616, 0.1994854]],
  [
    'unipc',
    6,
    { predict_x0: false, final_sigmas_type: 'sigma_min', solver_type: 'bh1', prediction_type: 'sample' },
    [0.9350059, -0.3767149, 0.2106127],
  ],
  [
    'unipc',
    8,
    { solver_order: 3, solver_type: 'bh1', disable_corrector: [0], final_sigmas_type: 'sigma_min' },
    [8.107342, -0.2400846, 0.2167955],
  ],
  [
    'unipc',
    8,
    { solver_order: 3, lower_order_final: false, final_sigmas_type: 'sigma_min', prediction_type: 'v_prediction' },
    [-0.01431868, 0.05227236, -0.02172855],
  ],
  // these spacings came to the two classes with diffusers 0.32; made with 0.35.2
  ['dpmpp_2m', 6, { use_exponential_sigmas: true }, [8.155838, -0.1991338, 0.1690413]],
  ['dpmpp_2m', 6, { use_beta_sigmas: true }, [7.253487, -0.001798836, -0.05444556]],
  ['unipc', 6, { use_exponential_sigmas: true, final_sigmas_type: 'sigma_min' }, [8.161906, -0.2131043, 0.180558]],
  ['unipc', 6, { use_beta_sigmas: true }, [7.29243, -0.004964899, -0.05104883]],
];

describe('schedulers', () => {
  it('reads a file of another class: what it does not state has the own default', () => {
    const euler = createScheduler('euler', sd15).schedule(50); // linspace, though PNDM's default is leading
    expect(first(euler.timesteps)).toEqual([999, 978.6122, 958.2245]);
    expect(first(euler.sigmas!)).toEqual([14.6146, 12.9368, 11.4916]);
    expect(euler.initNoiseSigma).toBeCloseTo(14.6146, 3);
    const stated = createScheduler('euler', { ...sd15, timestep_spacing: 'leading' }).schedule(50);
    expect(first(stated.timesteps)).toEqual([981, 961, 941]);
    expect(stated.initNoiseSigma).toBeCloseTo(13.15847, 4);
  });

  it('spaces timesteps as each class does', () => {
    const spaced = names.filter((name) => !name.endsWith('_karras')); // those follow from their sigmas
    const timesteps = Object.fromEntries(spaced.map((name) => [name, createScheduler(name, sd15).schedule(5).timesteps.map(Math.round)]));
    expect(timesteps).toEqual({
      euler: [999, 749, 500, 250, 0],
      euler_linspace: [999, 749, 500, 250, 0],
      euler_leading: [801, 601, 401, 201, 1],
      euler_trailing: [999, 799, 599, 399, 199],
      euler_ancestral: [999, 749, 500, 250, 0],
      ddim: [801, 601, 401, 201, 1],
      dpmpp_2m: [999, 799, 599, 400, 200],
      dpmpp_2m_sde: [999, 799, 599, 400, 200],
      unipc: [999, 799, 599, 400, 200],
      lcm: [999, 799, 599, 399, 199],
      pndm: [801, 601, 601, 401, 201, 1],
    });
  });

  it.each(names)('%s ends where a perfect network points', (name) => {
    const schedule = createScheduler(name, sd15).schedule(12);
    const noise = 0.8;
    let latents: Float32Array = Float32Array.of(noise * schedule.initNoiseSigma);
    // with x₀ = 0 the noise in the latents is the latents over σ
    for (const i of schedule.timesteps.keys()) {
      const t = Math.round(schedule.timesteps[i]!);
      const level = schedule.sigmas?.[i];
      const epsilon = name.startsWith('euler')
        ? latents[0]! / level!
        : level === undefined
          ? latents[0]! / noiseShare(t)
          : latents[0]! * Math.sqrt(1 + 1 / level ** 2);
      latents = schedule.step(latents, Float32Array.of(epsilon), i, Float32Array.of(0));
    }
    expect(Math.abs(latents[0]!)).toBeLessThan(0.06);
  });

  it.each(names)('%s goes on after a stop as if there had been none', (name) => {
    expect(run(name, 8, 5)).toEqual(run(name, 8));
    expect(run(name, 8, 1)).toEqual(run(name, 8));
  });

  it.each(variants)('%s in %i steps with %j ends where diffusers does, resumed or not', (name, steps, fields, expected) => {
    const latents = run(name, steps, -1, fields);
    for (const [i, value] of expected.entries()) expect(latents[i]).toBeCloseTo(value, 5);
    expect(run(name, steps, 4, fields)).toEqual(latents);
  });

  it.each(['dpmpp_2m', 'unipc', 'pndm'] as const)('%s refuses to go on without its history', (name) => {
    const schedule = createScheduler(name, sd15).schedule(8);
    expect(() => schedule.step(Float32Array.of(1), Float32Array.of(1), 1)).toThrow(/history/);
  });

  it('says what it cannot do', () => {
    expect(() => schedulerFromConfig('HeunDiscreteScheduler', sd15)).toThrow(/HeunDiscreteScheduler is not known/);
    expect(() => createScheduler('euler', { ...sd15, beta_schedule: 'laplace' })).toThrow(/beta_schedule/);
    expect(() => createScheduler('euler', { ...sd15, use_beta_sigmas: 'yes' })).toThrow(PipelineError);
    expect(() => createScheduler('euler_karras', { ...sd15, use_beta_sigmas: true })).toThrow(/only one of/);
    expect(() => createScheduler('dpmpp_2m', { ...sd15, algorithm_type: 'dpmsolver' })).toThrow(/sigma_min/);
    expect(() => createScheduler('dpmpp_2m_sde', { ...sd15, solver_order: 3 })).toThrow(/no solver_order 3/);
    expect(() => createScheduler('unipc', { ...sd15, predict_x0: false })).toThrow(/sigma_min/);
    expect(() => createScheduler('pndm', { ...sd15, skip_prk_steps: false }).schedule(3)).toThrow(/4 steps or more, not 3/);
    expect(() => createScheduler('lcm', sd15).schedule(51)).toThrow(/1 to 50 steps, not 51/);
    expect(() => createScheduler('euler_ancestral', sd15).schedule(4).step(Float32Array.of(1), Float32Array.of(1), 0)).toThrow(
      /needs noise/,
    );
  });
});

/** √(1 − ᾱ) of SD1.5 at a timestep. */
function noiseShare(t: number): number {
  let alpha = 1;
  for (let i = 0; i <= t; i++) alpha *= 1 - (Math.sqrt(0.00085) + (i / 999) * (Math.sqrt(0.012) - Math.sqrt(0.00085))) ** 2;
  return Math.sqrt(1 - alpha);
}
