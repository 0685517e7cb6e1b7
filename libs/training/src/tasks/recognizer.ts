/** The face recogniser: identities are told apart by an angular margin (ArcFace, Deng et al. 2019). */
import { rocAuc } from '@likeness/evaluation';
import { Graph, Scope, type Tensor, type WeightSource } from '@likeness/graph';
import { architectures, iresnetConfig, type IResNetConfig } from '@likeness/models';
import { normalized } from '@likeness/pipeline';
import { z } from 'zod';
import { alignedFaces, faceSize, numberSubjects } from '../data/faces.ts';
import { openPictures, PictureData } from '../data/open-pictures.ts';
import { rasterBatch } from '../data/raster-file.ts';
import { angularMarginLoss } from '../losses/angular-margin.ts';
import type { Batch, Task } from '../trainer/task.ts';
import { drawFrom, inBatches } from './examples.ts';
import { overBatches } from './held-out.ts';
import { pixels, signedPixels } from './pixels.ts';
import { networkConfig } from './network-config.ts';
import { taskKind } from './task-kind.ts';

const Model = z.strictObject({
  iresnet: networkConfig(iresnetConfig),
  /** Radius of the sphere on which the angles are compared. */
  scale: z.number().positive().default(32),
  /** Radians; reached after `margin_steps`, from 0. */
  margin: z.number().min(0).max(1).default(0.4),
  margin_steps: z.int().min(0).default(0),
  /** Deviation of the landmarks by which faces are turned upright, in pixels. */
  jitter: z.number().min(0).default(0.7),
});

export const recognizer = taskKind({
  data: PictureData,
  model: Model,
  async create({ batch, seed, data, model, path, onPrepare }): Promise<Task> {
    const open = await openPictures({ batch, data, path, onPrepare });
    const { learned, heldOut, records } = open;
    const faces = await alignedFaces(open, { seed, jitter: model.jitter, onProgress: (done, total) => onPrepare('faces', done, total) });
    const { subjects, count } = numberSubjects(records);
    const width = model.iresnet.num_features;

    return {
      build(graph, parameters) {
        const embeddings = embeddingsOf(graph, parameters, model.iresnet, batch);
        const centres = Scope.root(graph, parameters).weight('centres.weight', [count, width]);
        const labels = graph.input('subjects', 'int64', [batch]);
        const { loss, accuracy } = angularMarginLoss(embeddings, centres, labels, graph.input('margin', 'float32', [1]), model.scale);
        return { loss, metrics: { accuracy } };
      },
      async batch(step, random): Promise<Batch> {
        const chosen = drawFrom(learned, batch, random);
        const faceBytes = rasterBatch(faces, chosen);
        for (let k = 0; k < batch; k++) if (random.next() < 0.5) mirror(faceBytes.subarray(k * faces.bytes, (k + 1) * faces.bytes));
        const margin = model.margin * (model.margin_steps === 0 ? 1 : Math.min(1, step / model.margin_steps));
        return {
          faces: faceBytes,
          subjects: BigInt64Array.from(chosen, (index) => BigInt(subjects[index]!)),
          margin: Float32Array.of(margin),
        };
      },
      /** Area under the ROC curve over all pairs of held-out faces: of one subject, or of two. */
      async evaluate(trained) {
        const graph = new Graph('recognizer');
        graph.output('embeddings', embeddingsOf(graph, trained, model.iresnet, batch));
        const embedded: Embedded[] = [];
        const batches = inBatches(heldOut, batch);
        await overBatches(
          graph,
          batches.map((indices) => ({ faces: rasterBatch(faces, indices) })),
          ({ embeddings }, i) => {
            const all = embeddings!.data as Float32Array;
            for (const [k, index] of batches[i]!.entries())
              embedded.push({ subject: subjects[index]!, embedding: all.slice(k * width, (k + 1) * width) });
          },
        );
        return { auc: rocAuc(...likenesses(embedded)) };
      },
    };
  },
});

/** The graph's input `faces`, uint8 [B, 112, 112, 3] → [B, F]. */
function embeddingsOf(graph: Graph, weights: WeightSource, config: IResNetConfig, batch: number): Tensor {
  const faces = pixels(graph.input('faces', 'uint8', [batch, faceSize, faceSize, 3]), signedPixels);
  return architectures.iresnet(Scope.root(graph, weights, 'recognizer'), faces, config);
}

interface Embedded {
  readonly subject: number;
  readonly embedding: Float32Array;
}

/** Cosines of all pairs of one subject, and of all pairs of two. */
function likenesses(faces: readonly Embedded[]): [same: number[], other: number[]] {
  const unit = faces.map(({ subject, embedding }) => ({ subject, embedding: normalized(embedding) }));
  const pairs: [number[], number[]] = [[], []];
  for (const [i, a] of unit.entries())
    for (const b of unit.slice(i + 1))
      pairs[a.subject === b.subject ? 0 : 1].push(a.embedding.reduce((sum, x, k) => sum + x * b.embedding[k]!, 0));
  return pairs;
}

/** Left and right exchanged, in place. */
function mirror(face: Uint8Array): void {
  for (let y = 0; y < faceSize; y++)
    for (let x = 0; x < faceSize / 2; x++)
      for (let c = 0; c < 3; c++) {
        const [a, b] = [(y * faceSize + x) * 3 + c, (y * faceSize + faceSize - 1 - x) * 3 + c];
        [face[a], face[b]] = [face[b]!, face[a]!];
      }
}
