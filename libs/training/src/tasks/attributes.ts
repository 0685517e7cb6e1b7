/** The looks of a person in numbers, recovered from a picture: a second opinion on likeness, which shares nothing with the recogniser. */
import { Graph, op, Scope, type Tensor, type WeightSource } from '@likeness/graph';
import { architectures, iresnetConfig, type IResNetConfig } from '@likeness/models';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { lacking, openPictures, PictureData } from '../data/open-pictures.ts';
import { rasterBatch } from '../data/raster-file.ts';
import { TrainingError } from '../errors.ts';
import type { Batch, Task } from '../trainer/task.ts';
import { drawFrom, inBatches } from './examples.ts';
import { overBatches } from './held-out.ts';
import { pixels, signedPixels } from './pixels.ts';
import { taskKind } from './task-kind.ts';

const Model = z.strictObject({ iresnet: z.record(z.string(), z.unknown()) });

/** Of the network's input, along a side: the whole picture, since hair and ears lie outside an aligned face. */
const inputSize = 112;

export const attributes = taskKind({
  data: PictureData,
  model: Model,
  async create({ batch, data, model, path, onPrepare }): Promise<Task> {
    const { records, pictures, learned, heldOut } = await openPictures({ batch, data, path, onPrepare });
    const vectors = readVectors(path(data.folder));
    const numbers = [...vectors.values()][0]!.length;
    const config = iresnetConfig({ ...model.iresnet, num_features: numbers });
    const read = (indices: readonly number[]): Batch => ({
      pictures: rasterBatch(pictures, indices),
      wanted: Float32Array.from(
        indices.flatMap((index) => {
          const { picture, more } = records[index]!;
          return vectors.get(String(more['identity'])) ?? lacking(picture, 'identity');
        }),
      ),
    });
    const squares = (graph: Graph, weights: WeightSource) => {
      const error = op.sub(recovered(graph, weights, config, batch, data.size), graph.input('wanted', 'float32', [batch, numbers]));
      return op.reduceMean(op.mul(error, error));
    };
    return {
      build: (graph, parameters) => ({ loss: squares(graph, parameters) }),
      batch: async (_, random) => read(drawFrom(learned, batch, random)),
      async evaluate(trained) {
        const graph = new Graph('attributes');
        graph.output('error', squares(graph, trained));
        const batches = inBatches(heldOut, batch).map(read);
        let sum = 0;
        await overBatches(graph, batches, ({ error }) => (sum += Number(error!.data[0])));
        return { held_out_error: sum / batches.length };
      },
    };
  },
});

/** pictures uint8 [B, S, S, 3] of the graph → [B, numbers] */
function recovered(graph: Graph, weights: WeightSource, config: IResNetConfig, batch: number, side: number): Tensor {
  const shown = pixels(graph.input('pictures', 'uint8', [batch, side, side, 3]), signedPixels);
  return architectures.iresnet(Scope.root(graph, weights), op.resizeBilinear(shown, inputSize, inputSize), config);
}

const People = z.looseObject({
  identities: z.array(z.looseObject({ id: z.string(), vector: z.array(z.number()).min(1) })).min(1),
});

/** `identity.json` of a drawn data set: the numbers of each person. */
function readVectors(folder: string): Map<string, readonly number[]> {
  const file = join(folder, 'identity.json');
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    const message = `${file} cannot be read: this task learns the numbers of drawn people. ${(cause as Error).message}`;
    throw new TrainingError('dataset_invalid', message, { file }, { cause });
  }
  const parsed = People.safeParse(json);
  if (parsed.success) return new Map(parsed.data.identities.map(({ id, vector }) => [id, vector]));
  const { path, message } = parsed.error.issues[0]!;
  throw new TrainingError('dataset_invalid', `${file}: ${path.join('.')} ${message}.`, { file });
}
