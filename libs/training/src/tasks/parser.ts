/** Face parsing: cross-entropy over the classes of every pixel, in which small parts count more. */
import { Confusion } from '@likeness/evaluation';
import { Graph, op, Scope, type Tensor, type WeightSource } from '@likeness/graph';
import { architectures, bisenetConfig, type BiSeNetConfig } from '@likeness/models';
import { z } from 'zod';
import { openLabels, openPictures, PictureData } from '../data/open-pictures.ts';
import { rasterBatch } from '../data/raster-file.ts';
import { crossEntropy } from '../losses/cross-entropy.ts';
import type { Batch, Task } from '../trainer/task.ts';
import { drawFrom, inBatches } from './examples.ts';
import { overBatches } from './held-out.ts';
import { imagenetPixels, pixels } from './pixels.ts';
import { networkConfig } from './network-config.ts';
import { taskKind } from './task-kind.ts';

const Model = z.strictObject({
  bisenet: networkConfig(bisenetConfig),
  /** Pixels of the network's input, along a side: the pictures are enlarged to it, as the pipeline does. */
  size: z.int().min(32).multipleOf(32).default(512),
  /** What a pixel counts that is neither background, skin, cloth nor hair. */
  small_part_weight: z.number().min(1).default(2.5),
});

/** Background, skin, cloth and hair, which fill a picture. */
const largeParts: readonly number[] = [0, 1, 16, 17];

export const parser = taskKind({
  data: PictureData,
  model: Model,
  async create({ batch, data, model: { bisenet: config, size, small_part_weight }, path, onPrepare }): Promise<Task> {
    const open = await openPictures({ batch, data, path, onPrepare });
    const labels = await openLabels(open, onPrepare);
    const { pictures, learned, heldOut } = open;
    const weights = Array.from({ length: config.n_classes }, (_, label) => (largeParts.includes(label) ? 1 : small_part_weight));
    const network = { ...config, size };
    const read = (indices: readonly number[]): Batch => ({
      pictures: rasterBatch(pictures, indices),
      labels: BigInt64Array.from(rasterBatch(labels, indices), BigInt),
    });

    return {
      build(graph, parameters) {
        const logits = logitsOf(graph, parameters, network, batch, data.size);
        const wanted = graph.input('labels', 'int64', [batch, 1, data.size, data.size]);
        const right = op.equal(op.argMax(logits, 1), op.reshape(wanted, [batch, data.size, data.size]));
        return {
          loss: crossEntropy(logits, wanted, { axis: 1, weights }),
          metrics: { accuracy: op.reduceMean(op.cast(right, 'float32')) },
        };
      },
      batch: async (_, random) => read(drawFrom(learned, batch, random)),
      async evaluate(trained) {
        const confusion = new Confusion(config.n_classes);
        const graph = new Graph('parser');
        graph.output('labels', op.argMax(logitsOf(graph, trained, network, batch, data.size), 1));
        const batches = inBatches(heldOut, batch).map(read);
        const numbers = (labels: unknown) => Uint8Array.from(labels as BigInt64Array, Number);
        await overBatches(graph, batches, ({ labels: found }, i) => confusion.add(numbers(batches[i]!['labels']), numbers(found!.data)));
        return { miou: confusion.meanIou() };
      },
    };
  },
});

/** The classes of the pictures' own pixels: [B, classes, S, S]. */
function logitsOf(
  graph: Graph,
  weights: WeightSource,
  { size, ...config }: BiSeNetConfig & { size: number },
  batch: number,
  side: number,
): Tensor {
  const pictures = graph.input('pictures', 'uint8', [batch, side, side, 3]);
  const image = op.resizeBilinear(pixels(pictures, imagenetPixels), size, size);
  return op.resizeAlignCorners(architectures.coarseLogits(Scope.root(graph, weights), image, config), side, side);
}
