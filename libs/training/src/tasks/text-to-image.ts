/**
 * The base model: a UNet learns to tell a picture from noise by its caption (Rombach et al. 2022). The text encoder is that of an
 * image–text training and stays as it is, or learns with the UNet, from there or from nothing.
 */
import { Graph, op, Scope, type Tensor, type WeightSource } from '@likeness/graph';
import { architectures, autoencoderConfig, clipTextConfig, unetConfig, type ClipTextConfig, type UNetConfig } from '@likeness/models';
import { regionNames } from '@likeness/pipeline';
import { z } from 'zod';
import { openPictures, PictureData } from '../data/open-pictures.ts';
import { rasterBatch } from '../data/raster-file.ts';
import { Random } from '../random.ts';
import type { Batch, Task } from '../trainer/task.ts';
import { captionOf, detailed, openTokenizer } from './captions.ts';
import { latentElements, Noise, noiseBatch, noisyLatents, weightedError, type NoisyLatents } from './diffusion.ts';
import { drawFrom, inBatches } from './examples.ts';
import { overBatches } from './held-out.ts';
import { networkConfig } from './network-config.ts';
import { taskKind } from './task-kind.ts';

const share = z.number().min(0).max(1);

const Model = z.strictObject({
  /** A folder with vocab.json and merges.txt. */
  tokenizer: z.string(),
  /** These as in the networks' `config.json`. */
  text_encoder: networkConfig(clipTextConfig),
  unet: networkConfig(unetConfig),
  vae: networkConfig(autoencoderConfig),
  /** Whether the text encoder learns, too; else it must come from somewhere. */
  train_text_encoder: z.boolean().default(true),
  noise: Noise,
  /** How often a picture has no caption: the network also learns pictures as such (Ho and Salimans 2022). */
  drop: share.default(0.1),
  /** How often a caption is followed by a sentence about the face, as in the pipeline's prompts. */
  detail: share.default(0.6),
});

export const textToImage = taskKind({
  data: PictureData,
  model: Model,
  async create({ batch, seed, data, model, from, path, onPrepare }): Promise<Task> {
    const { records, pictures, learned, heldOut } = await openPictures({ batch, data, path, onPrepare });
    const tokenizer = await openTokenizer(path(model.tokenizer));
    const elements = latentElements(model.vae, data.size);

    const idsOf = (index: number, random: Random): readonly number[] => {
      if (random.next() < model.drop) return tokenizer.encodePadded('');
      const record = records[index]!;
      const caption = captionOf(record, random);
      if (random.next() >= model.detail) return tokenizer.encodePadded(caption);
      return detailed(caption, record, { tokenizer, regions: regionNames, random }).cleanIds;
    };
    const read = (indices: readonly number[], random: Random): Batch => ({
      pictures: rasterBatch(pictures, indices),
      input_ids: BigInt64Array.from(indices.flatMap((index) => idsOf(index, random)).map(BigInt)),
      ...noiseBatch(model.noise, batch, elements, random),
    });
    const network = (graph: Graph, weights: WeightSource) => denoised(graph, weights, { ...model, batch, side: data.size });

    return {
      build(graph, parameters) {
        from('vae'); // what is frozen must come from somewhere
        if (!model.train_text_encoder) from('text_encoder');
        parameters.freeze(model.train_text_encoder ? /^vae\./ : /^(vae|text_encoder)\./).zero(/^unet\.conv_out\./);
        const { prediction, latents } = network(graph, parameters);
        return { loss: weightedError(prediction, latents) };
      },
      batch: async (_, random) => read(drawFrom(learned, batch, random), random),
      /** The error without weights, by quarters of the timesteps from little noise to much: one drawn noise per picture, always the same. */
      async evaluate(trained) {
        const graph = new Graph('text-to-image');
        const { prediction, latents } = network(graph, trained);
        const error = op.sub(prediction, latents.target);
        graph.output('errors', op.reduceMean(op.mul(error, error), [1, 2, 3]));
        const random = new Random(seed, 'held out');
        const batches = inBatches(heldOut, batch).map((indices) => read(indices, random));
        const sums = Array.from({ length: 4 }, () => ({ sum: 0, count: 0 }));
        await overBatches(graph, batches, ({ errors }, i) => {
          const timesteps = batches[i]!['timestep'] as Float32Array;
          for (const [k, t] of timesteps.entries()) {
            const quarter = sums[Math.floor((4 * t) / model.noise.alphas.length)]!;
            quarter.sum += Number(errors!.data[k]);
            quarter.count += 1;
          }
        });
        return Object.fromEntries(sums.flatMap(({ sum, count }, i) => (count === 0 ? [] : [[`error_q${i + 1}`, sum / count]])));
      },
    };
  },
});

/** The graph's inputs are `pictures`, `input_ids` int64 [B, 77] and those of `noisyLatents`. */
function denoised(
  graph: Graph,
  weights: WeightSource,
  { text_encoder, unet: config, ...settings }: { text_encoder: ClipTextConfig; unet: UNetConfig } & Parameters<typeof noisyLatents>[2],
): { prediction: Tensor; latents: NoisyLatents } {
  const latents = noisyLatents(graph, weights, settings);
  const ids = graph.input('input_ids', 'int64', [settings.batch, text_encoder.max_position_embeddings]);
  const text = architectures.clipText(Scope.root(graph, weights, 'text_encoder'), ids, text_encoder)['last_hidden_state']!;
  const { sample, timestep } = latents;
  const { sample: prediction } = architectures.unet(
    Scope.root(graph, weights, 'unet'),
    { sample, timestep, encoderHiddenStates: text },
    config,
  );
  return { prediction, latents };
}
