import { PipelineError } from '../errors.ts';
import type { NoiseGenerator } from './noise.ts';
import { TorchCpuGenerator } from './torch-cpu.ts';
import { TorchCudaGenerator } from './torch-cuda.ts';

export type { NoiseArray, NoiseDtype, NoiseGenerator } from './noise.ts';

/** Whose noise: torch's on the CPU or on a CUDA device. */
export const noiseSources = { cpu: TorchCpuGenerator, cuda: TorchCudaGenerator } as const;
export type NoiseSource = keyof typeof noiseSources;

/** A generator as after `manual_seed(seed)`; a negative seed counts from 2^64 down, as in torch. */
export function createNoise(source: NoiseSource, seed: number | bigint): NoiseGenerator {
  if (typeof seed === 'number' && !Number.isInteger(seed))
    throw new PipelineError('invalid_argument', `The seed ${seed} is no whole number.`, { seed });
  const bits = BigInt.asUintN(64, BigInt(seed));
  return new noiseSources[source](bits);
}
