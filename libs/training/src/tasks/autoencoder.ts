/**
 * The autoencoder of patches: the encoder is the principal components of the patches and stays; the decoder learns what the linear way
 * back leaves out. Loss: L1 + 2·MSE of the pixels in −1…1, from latents with a little noise, so that the decoder forgives a sampler its
 * last errors.
 */
import { exportGraph, Graph, op, Scope, type WeightSource } from '@likeness/graph';
import { createSession, float32, floats } from '@likeness/inference';
import { autoencoderOf, type AutoencoderConfig } from '@likeness/models';
import { z } from 'zod';
import { openPictures, PictureData } from '../data/open-pictures.ts';
import { patchTransform } from '../data/patch-transform.ts';
import { pixelBatch, rasterBatch, type RasterFile } from '../data/raster-file.ts';
import type { Task } from '../trainer/task.ts';
import { drawFrom } from './examples.ts';
import { pixels, signedPixels } from './pixels.ts';
import { taskKind } from './task-kind.ts';

const count = z.int().min(1);
const Model = z.strictObject({
  latent_channels: count.default(8),
  patch_size: count.default(8),
  block_out_channels: z.array(count).min(1).default([128, 64]),
  upsample_factors: z.array(count).min(1).default([2, 4]),
  layers_per_block: count.default(2),
  norm_num_groups: count.default(32),
  /** Deviation of what is added to the latents, whose own is about one. */
  noise: z.number().min(0).default(0.03),
});

/** Pictures from which the principal components are taken. */
const componentsOf = 1000;

export const autoencoder = taskKind({
  data: PictureData,
  model: Model,
  async create({ batch, data, model: { noise, ...sizes }, path, onPrepare }): Promise<Task> {
    const config: AutoencoderConfig = {
      _class_name: 'AutoencoderPatch', in_channels: 3, out_channels: 3, ...sizes, scaling_factor: 1, latents_mean: null, latents_std: null,
    }; // prettier-ignore
    const { pictures, learned, heldOut } = await openPictures({ data, path, onPrepare });
    const { encode, decode, factor } = autoencoderOf(config);
    const transform = patchTransform(pictures, learned.slice(0, componentsOf), sizes.latent_channels, factor);
    const latents = [batch, sizes.latent_channels, data.size / factor, data.size / factor];

    return {
      build(graph, parameters) {
        parameters
          .start(transform)
          .freeze(/^encoder\./)
          .zero(/^decoder\.conv_out\./);
        const s = Scope.root(graph, parameters);
        const shown = pixels(graph.input('pictures', 'uint8', [batch, data.size, data.size, 3]), signedPixels);
        const disturbed = op.add(encode(s, shown)['mean']!, graph.input('noise', 'float32', latents));
        const error = op.sub(decode(s, disturbed), shown);
        const [l1, l2] = [op.reduceMean(op.abs(error)), op.reduceMean(op.mul(error, error))];
        return { loss: op.add(l1, op.mul(l2, 2)), metrics: { l1, mse: l2 } };
      },
      async batch(_, random) {
        const chosen = drawFrom(learned, batch, random);
        return {
          pictures: rasterBatch(pictures, chosen),
          noise: random.normals(
            latents.reduce((n, d) => n * d),
            noise,
          ),
        };
      },
      evaluate: (weights) => reconstruction(weights, config, pictures, heldOut),
    };
  },
});

/** PSNR in decibels, over pixels of 0…1 as they would be saved: the mean over the pictures. */
async function reconstruction(weights: WeightSource, config: AutoencoderConfig, pictures: RasterFile, indices: readonly number[]) {
  const { encode, decode } = autoencoderOf(config);
  const graph = new Graph('autoencoder');
  const s = Scope.root(graph, weights);
  const input = graph.input('pixels', 'float32', [1, 3, pictures.size, pictures.size]);
  graph.output('sample', op.clip(decode(s, encode(s, input)['mean']!), -1, 1));
  const session = await createSession({ bytes: exportGraph(graph).bytes, name: graph.name });
  try {
    let sum = 0;
    for (const index of indices) {
      const picture = pixelBatch(pictures, [index]);
      const sample = floats((await session.run({ pixels: float32(input.dims, picture) }))['sample']!);
      const squares = sample.reduce((total, x, i) => total + (Math.round((x - picture[i]!) * 127.5) / 255) ** 2, 0);
      sum += 10 * Math.log10(sample.length / Math.max(squares, 1e-10));
    }
    return { psnr: sum / indices.length };
  } finally {
    await session.release();
  }
}
