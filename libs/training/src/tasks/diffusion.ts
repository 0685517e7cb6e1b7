/** What the two trainings of a UNet have in common: a picture becomes a noisy latent, and the network says the noise in it. */
import { op, Scope, type Graph, type Tensor, type WeightSource } from '@likeness/graph';
import { autoencoderOf, latentScale, type AutoencoderConfig } from '@likeness/models';
import { cumulativeAlphas, noiseFields } from '@likeness/pipeline';
import { z } from 'zod';
import type { Random } from '../random.ts';
import type { Batch } from '../trainer/task.ts';
import { pixels, signedPixels } from './pixels.ts';

/** The noise to train against, as in a `scheduler_config.json`; what is left open is Stable Diffusion's. */
export const Noise = z
  .object({
    ...noiseFields,
    beta_start: z.number().default(0.00085),
    beta_end: z.number().default(0.012),
    beta_schedule: z.enum(['linear', 'scaled_linear', 'squaredcos_cap_v2']).default('scaled_linear'),
    rescale_betas_zero_snr: z.boolean().default(false),
    prediction_type: z.enum(['epsilon', 'v_prediction']).default('epsilon'),
    /** A timestep of a higher signal-to-noise ratio counts as one of this (Hang et al. 2023); all count the same without it. */
    snr_gamma: z.number().positive().optional(),
    /** The last timesteps, this portion of all, are drawn so many times as often as others: what a caption decides is decided in much noise. */
    timestep_bias_multiplier: z.number().positive().default(1),
    timestep_bias_portion: z.number().min(0).max(1).default(0.25),
  })
  .refine((noise) => noise.snr_gamma === undefined || !noise.rescale_betas_zero_snr, {
    path: ['snr_gamma'],
    message:
      'would leave the last timesteps without weight, since rescale_betas_zero_snr takes their ratio to 0, and sampling begins there',
  })
  .transform((noise) => ({ ...noise, alphas: cumulativeAlphas(noise) }));
export type Noise = z.infer<typeof Noise>;

export interface NoisyLatents {
  /** What the UNet sees, and when: [B, z, h, w] and [B]. */
  readonly sample: Tensor;
  readonly timestep: Tensor;
  /** What it should answer: the noise, or v. */
  readonly target: Tensor;
  /** What each picture counts: [B, 1, 1, 1]. */
  readonly weight: Tensor;
}

/** Latents of the graph's input `pictures`, uint8 [B, S, S, 3], with the noise that `noiseBatch` draws. */
export function noisyLatents(
  graph: Graph,
  weights: WeightSource,
  { vae, noise, batch, side }: { vae: AutoencoderConfig; noise: Noise; batch: number; side: number },
): NoisyLatents {
  const pictures = pixels(graph.input('pictures', 'uint8', [batch, side, side, 3]), signedPixels);
  const mean = autoencoderOf(vae).encode(Scope.root(graph, weights, 'vae'), pictures)['mean']!;
  const scale = latentScale(vae);
  const perChannel = (values: readonly number[]) => graph.floats(values, [values.length, 1, 1]);
  const latents = op.mul(op.sub(mean, perChannel(scale.mean)), perChannel(scale.divisor)); // [B, z, h, w]

  const drawn = graph.input('noise', 'float32', latents.dims);
  const [signal, spread, weight] = ['signal', 'spread', 'weight'].map((name) => graph.input(name, 'float32', [batch, 1, 1, 1])) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const sample = op.add(op.mul(latents, signal), op.mul(drawn, spread));
  const target = noise.prediction_type === 'epsilon' ? drawn : op.sub(op.mul(drawn, signal), op.mul(latents, spread)); // v: Salimans and Ho 2022
  return { sample, timestep: graph.input('timestep', 'float32', [batch]), target, weight };
}

/** Noise and timesteps of a batch whose latents have `elements` numbers each. */
export function noiseBatch(noise: Noise, batch: number, elements: number, random: Random): Batch {
  const { alphas, prediction_type, snr_gamma = Infinity } = noise;
  const timestep = Float32Array.from({ length: batch }, () => drawTimestep(noise, random));
  const of = (value: (alpha: number) => number) => Float32Array.from(timestep, (t) => value(alphas[t]!));
  return {
    noise: random.normals(batch * elements),
    timestep,
    signal: of(Math.sqrt),
    spread: of((alpha) => Math.sqrt(1 - alpha)),
    weight: of((alpha) => {
      const snr = alpha / (1 - alpha);
      if (snr_gamma === Infinity) return 1;
      return Math.min(snr, snr_gamma) / (prediction_type === 'epsilon' ? snr : snr + 1);
    }),
  };
}

function drawTimestep({ alphas, timestep_bias_multiplier: multiplier, timestep_bias_portion: portion }: Noise, random: Random): number {
  const others = alphas.length - Math.floor(portion * alphas.length);
  if (multiplier === 1) return random.integer(alphas.length);
  const place = random.uniform(0, others + (alphas.length - others) * multiplier);
  return Math.floor(place < others ? place : others + (place - others) / multiplier);
}

/** Numbers of one latent. */
export const latentElements = (vae: AutoencoderConfig, side: number): number =>
  vae.latent_channels * (side / autoencoderOf(vae).factor) ** 2;

/** Mean of the squared error, each picture with its weight. */
export function weightedError(prediction: Tensor, { target, weight }: NoisyLatents): Tensor {
  const error = op.sub(prediction, target);
  return op.reduceMean(op.mul(op.mul(error, error), weight));
}
