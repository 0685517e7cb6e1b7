/** Which scheduler a name means, and how a file of one class is read by another. */
import { z } from 'zod';
import { PipelineError } from '../errors.ts';
import { ddim, DdimConfig } from './ddim.ts';
import { dpmSolver, DpmSolverConfig } from './dpm-solver.ts';
import { eulerAncestral, EulerAncestralConfig } from './euler-ancestral.ts';
import { euler, EulerConfig } from './euler.ts';
import { lcm, LcmConfig } from './lcm.ts';
import { pndm, PndmConfig } from './pndm.ts';
import type { Scheduler } from './scheduler.ts';
import { uniPc, UniPcConfig } from './unipc.ts';

export interface SchedulerOptions {
  /** DDIM's share of fresh noise; the other classes have none. */
  readonly eta?: number;
}

/** A class of diffusers: its fields with their defaults, and what is built from them. */
const define = <C>(config: z.ZodType<C>, build: (config: C, options: SchedulerOptions) => Scheduler) => ({
  create(file: Readonly<Record<string, unknown>>, className: string, options: SchedulerOptions): Scheduler {
    const parsed = config.safeParse(file);
    if (parsed.success) return build(parsed.data, options);
    throw new PipelineError('model_unusable', `scheduler_config.json does not fit ${className}: ${z.prettifyError(parsed.error)}`, {
      class: className,
    });
  },
});

const classes = {
  EulerDiscreteScheduler: define(EulerConfig, euler),
  EulerAncestralDiscreteScheduler: define(EulerAncestralConfig, eulerAncestral),
  DDIMScheduler: define(DdimConfig, ddim),
  DPMSolverMultistepScheduler: define(DpmSolverConfig, dpmSolver),
  UniPCMultistepScheduler: define(UniPcConfig, uniPc),
  LCMScheduler: define(LcmConfig, lcm),
  PNDMScheduler: define(PndmConfig, pndm),
};

export type SchedulerClass = keyof typeof classes;

/** The names of the API: a class, and what the name itself says of its configuration. All else is the model's own file's. */
export const schedulerNames = {
  euler: { class: 'EulerDiscreteScheduler' },
  euler_linspace: { class: 'EulerDiscreteScheduler', fields: { timestep_spacing: 'linspace' } },
  euler_leading: { class: 'EulerDiscreteScheduler', fields: { timestep_spacing: 'leading' } },
  euler_trailing: { class: 'EulerDiscreteScheduler', fields: { timestep_spacing: 'trailing' } },
  euler_karras: { class: 'EulerDiscreteScheduler', fields: { use_karras_sigmas: true } },
  euler_ancestral: { class: 'EulerAncestralDiscreteScheduler' },
  ddim: { class: 'DDIMScheduler' },
  dpmpp_2m: { class: 'DPMSolverMultistepScheduler' },
  dpmpp_2m_karras: { class: 'DPMSolverMultistepScheduler', fields: { use_karras_sigmas: true } },
  dpmpp_2m_sde: { class: 'DPMSolverMultistepScheduler', fields: { algorithm_type: 'sde-dpmsolver++' } },
  dpmpp_2m_sde_karras: { class: 'DPMSolverMultistepScheduler', fields: { algorithm_type: 'sde-dpmsolver++', use_karras_sigmas: true } },
  unipc: { class: 'UniPCMultistepScheduler' },
  unipc_karras: { class: 'UniPCMultistepScheduler', fields: { use_karras_sigmas: true } },
  lcm: { class: 'LCMScheduler' },
  pndm: { class: 'PNDMScheduler' },
} as const satisfies Record<string, { class: SchedulerClass; fields?: Record<string, unknown> }>;

export type SchedulerName = keyof typeof schedulerNames;

/**
 * `Class.from_config(Other.from_pretrained(…).config)`: keys that the file states and the class knows are used, for all else the
 * class's own defaults hold. So SD1.5's PNDM file gives Euler with linspace spacing, because it does not state a spacing.
 *
 * @param className a class of diffusers, e.g. `EulerDiscreteScheduler`
 * @param file the parsed `scheduler_config.json`, of any class
 * @throws PipelineError `model_unusable` for an unknown class, or a value this class has no use for
 */
export function schedulerFromConfig(className: string, file: Readonly<Record<string, unknown>>, options: SchedulerOptions = {}): Scheduler {
  if (!Object.hasOwn(classes, className)) {
    throw new PipelineError(
      'model_unusable',
      `The scheduler class ${className} is not known; known are ${Object.keys(classes).join(', ')}.`,
      { class: className },
    );
  }
  return classes[className as SchedulerClass].create(file, className, options);
}

/** The scheduler of an API name over a model's `scheduler_config.json`. */
export function createScheduler(name: SchedulerName, file: Readonly<Record<string, unknown>>, options: SchedulerOptions = {}): Scheduler {
  const entry: { class: SchedulerClass; fields?: Record<string, unknown> } = schedulerNames[name];
  return schedulerFromConfig(entry.class, { ...file, ...entry.fields }, options);
}
