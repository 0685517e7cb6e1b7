/** The image–text encoder: two towers learn to bring a picture and its caption together (Radford et al. 2021). */
import { Graph, op, Scope, type Tensor, type WeightSource } from '@likeness/graph';
import { architectures, clipTextConfig, clipVisionConfig, type ClipTextConfig, type ClipVisionConfig } from '@likeness/models';
import { z } from 'zod';
import { openPictures, PictureData } from '../data/open-pictures.ts';
import { rasterBatch } from '../data/raster-file.ts';
import { contrastiveLoss } from '../losses/contrastive.ts';
import { unit } from '../losses/unit.ts';
import { Random } from '../random.ts';
import type { Batch, Task } from '../trainer/task.ts';
import { captionOf, openTokenizer } from './captions.ts';
import { drawFrom, inBatches } from './examples.ts';
import { overBatches } from './held-out.ts';
import { clipPixelScale, pixels } from './pixels.ts';
import { networkConfig } from './network-config.ts';
import { taskKind } from './task-kind.ts';

const Model = z.strictObject({
  /** A folder with vocab.json and merges.txt. */
  tokenizer: z.string(),
  /** As in a `config.json` of transformers. */
  text: networkConfig(clipTextConfig),
  vision: networkConfig(clipVisionConfig),
});

export const imageText = taskKind({
  data: PictureData,
  model: Model,
  async create({ batch, seed, data, model, path, onPrepare }): Promise<Task> {
    const { records, pictures, learned, heldOut } = await openPictures({ batch, data, path, onPrepare });
    const tokenizer = await openTokenizer(path(model.tokenizer));
    const read = (indices: readonly number[], random: Random): Batch => ({
      pictures: rasterBatch(pictures, indices),
      input_ids: BigInt64Array.from(indices.flatMap((index) => tokenizer.encodePadded(captionOf(records[index]!, random))).map(BigInt)),
    });

    return {
      build(graph, parameters) {
        const { images, texts } = towers(graph, parameters, model, batch, data.size);
        const logitScale = Scope.root(graph, parameters).weight('logit_scale', []);
        const { loss, accuracy } = contrastiveLoss(images, texts, logitScale);
        return { loss, metrics: { accuracy } };
      },
      batch: async (_, random) => read(drawFrom(learned, batch, random), random),
      /** How many captions find their picture among those of a batch that was not learned from. */
      async evaluate(trained) {
        const graph = new Graph('image-text');
        const { images, texts } = towers(graph, trained, model, batch, data.size);
        graph.output('nearest', op.argMax(op.fusedMatmul(unit(texts), unit(images), { transB: true }), 1));
        const random = new Random(seed, 'held out');
        let [right, total] = [0, 0];
        await overBatches(
          graph,
          inBatches(heldOut, batch).map((indices) => read(indices, random)),
          ({ nearest }) => {
            for (const [i, at] of (nearest!.data as BigInt64Array).entries()) right += Number(Number(at) === i);
            total += batch;
          },
        );
        return { held_out_accuracy: right / total };
      },
    };
  },
});

/** pictures uint8 [B, S, S, 3] and input_ids int64 [B, n] → their embeddings [B, P], not of unit length. */
function towers(
  graph: Graph,
  weights: WeightSource,
  { text, vision }: { text: ClipTextConfig; vision: ClipVisionConfig },
  batch: number,
  side: number,
): Record<'images' | 'texts', Tensor> {
  const pictures = pixels(graph.input('pictures', 'uint8', [batch, side, side, 3]), clipPixelScale);
  const ids = graph.input('input_ids', 'int64', [batch, text.max_position_embeddings]);
  const s = Scope.root(graph, weights);
  return {
    images: architectures.clipVision(s, op.resizeBilinear(pictures, vision.image_size, vision.image_size), vision).image_embeds,
    texts: architectures.clipText(s, ids, text)['text_embeds']!,
  };
}
