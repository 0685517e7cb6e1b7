/** The face detector: scores with a focal loss (Lin et al. 2017), boxes and landmarks by their distance, in the head of SCRFD (Guo et al. 2021). */
import { Graph, op, Scope, type Tensor, type WeightSource } from '@likeness/graph';
import { architectures, scrfdConfig, type ScrfdConfig } from '@likeness/models';
import { z } from 'zod';
import {
  anyPlace,
  faceBox,
  moved,
  placed,
  shuffledFace,
  withoutPerson,
  type Box,
  type LabelledPicture,
  type Similarity,
} from '../data/face-scenes.ts';
import { landmarksOf } from '../data/faces.ts';
import { openLabels, openPictures, PictureData } from '../data/open-pictures.ts';
import { Random } from '../random.ts';
import type { Batch, Task } from '../trainer/task.ts';
import { anchorTargets, type FaceTarget } from './anchor-targets.ts';
import { drawFrom, inBatches } from './examples.ts';
import { overBatches } from './held-out.ts';
import { pixels } from './pixels.ts';
import { networkConfig } from './network-config.ts';
import { taskKind } from './task-kind.ts';

const Model = z.strictObject({
  scrfd: networkConfig(scrfdConfig),
  /** How many pictures have no face. */
  empty: z.number().min(0).lt(1).default(0.3),
});

/** (x − 127.5) / 128 */
const detectorPixels = { mean: [0.5, 0.5, 0.5], std: [128 / 255, 128 / 255, 128 / 255] } as const;

export const detector = taskKind({
  data: PictureData,
  model: Model,
  async create({ batch, seed, data, model, path, onPrepare }): Promise<Task> {
    const open = await openPictures({ batch, data, path, onPrepare });
    const labels = await openLabels(open, onPrepare);
    const { pictures, records, learned, heldOut } = open;
    const { size } = data;

    const example = (index: number, random: Random): { picture: Uint8Array; face: FaceTarget | undefined } => {
      const source: LabelledPicture = { size, pixels: pictures.read(index), labels: labels.read(index) };
      const box = faceBox(source);
      const place = anyPlace(size, random);
      const ground = random.next() < 0.5 ? black : ([random.integer(256), random.integer(256), random.integer(256)] as const);
      if (box && random.next() >= model.empty)
        return { picture: placed(source.pixels, size, place, ground), face: faceAt(place, box, landmarksOf(records[index]!, size)) };
      const faceless = box && random.next() < 0.3 ? shuffledFace(source, box, random) : withoutPerson(source);
      return { picture: placed(faceless, size, place, ground), face: undefined };
    };
    const read = (indices: readonly number[], random: Random): { batch: Batch; faces: readonly (FaceTarget | undefined)[] } => {
      const examples = indices.map((index) => example(index, random));
      const bytes = new Uint8Array(batch * size * size * 3);
      for (const [k, { picture }] of examples.entries()) bytes.set(picture, k * picture.length);
      const faces = examples.map(({ face }) => face);
      return { batch: { pictures: bytes, ...anchorTargets(faces, size, model.scrfd.anchors) }, faces };
    };

    return {
      build(graph, parameters) {
        const answer = answers(graph, parameters, model.scrfd, batch, size);
        const [n] = answer.scores.dims as [number, number];
        const [scores, sides] = ['scores', 'sides'].map((name) => graph.input(name, 'float32', [n, 1])) as [Tensor, Tensor];
        const wanted = { boxes: graph.input('boxes', 'float32', [n, 4]), points: graph.input('points', 'float32', [n, 10]) };
        const faces = op.max(op.reduceSum(scores, undefined, true), 1);
        const distance = (found: Tensor, target: Tensor) =>
          op.div(
            op.reduceSum(op.mul(op.reduceMean(op.abs(op.div(op.sub(found, target), sides)), [1], true), scores), undefined, true),
            faces,
          );
        const [score, box, points] = [
          op.div(focalLoss(answer.scores, scores), faces),
          distance(answer.boxes, wanted.boxes),
          distance(answer.points, wanted.points),
        ];
        const loss = op.add(score, op.add(op.mul(box, 4), op.mul(points, 8)));
        return {
          loss: op.reshape(loss, [1]),
          metrics: { score: op.reshape(score, [1]), box: op.reshape(box, [1]), points: op.reshape(points, [1]) },
        };
      },
      batch: async (_, random) => read(drawFrom(learned, batch, random), random).batch,
      /** Faces that are found, how far off their landmarks are in shares of their side, and pictures in which a face is found that is not there. */
      async evaluate(trained) {
        const graph = new Graph('detector');
        for (const [name, value] of Object.entries(answers(graph, trained, model.scrfd, batch, size))) graph.output(name, value);
        const random = new Random(seed, 'held out');
        const tests = inBatches(heldOut, batch).map((indices) => read(indices, random));
        const found = { faces: 0, of: 0, error: 0, alarms: 0, empty: 0 };
        await overBatches(
          graph,
          tests.map(({ batch: { pictures: shown } }) => ({ pictures: shown! })),
          ({ scores, points }, i) => {
            for (const [k, face] of tests[i]!.faces.entries()) {
              const best = bestAnswer(scores!.data as Float32Array, k, { batch, size, anchors: model.scrfd.anchors });
              if (!face) {
                found.empty += 1;
                found.alarms += Number(best.score >= threshold);
                continue;
              }
              found.of += 1;
              if (best.score < threshold) continue;
              found.faces += 1;
              found.error += landmarkError(best, (points!.data as Float32Array).subarray(best.row * 10, best.row * 10 + 10), face);
            }
          },
        );
        const shares = {
          recall: [found.faces, found.of],
          landmark_error: [found.error, found.faces],
          false_alarms: [found.alarms, found.empty],
        };
        return Object.fromEntries(Object.entries(shares).flatMap(([name, [part, of]]) => (of === 0 ? [] : [[name, part! / of!]])));
      },
    };
  },
});

const black = [0, 0, 0] as const;

/** The pipeline's own. */
const threshold = 0.5;

/** A face somewhere else; its box is the one around the corners of the old one. */
function faceAt(place: Similarity, [left, top, right, bottom]: Box, landmarks: readonly number[]): FaceTarget {
  const middle = moved(place, (left + right) / 2, (top + bottom) / 2);
  const scale = Math.hypot(place.a, place.b);
  const [halfWidth, halfHeight] = [(scale * (right - left)) / 2, (scale * (bottom - top)) / 2];
  const points = Array.from({ length: 5 }, (_, i) => moved(place, landmarks[2 * i]!, landmarks[2 * i + 1]!));
  return { box: [middle[0] - halfWidth, middle[1] - halfHeight, middle[0] + halfWidth, middle[1] + halfHeight], landmarks: points.flat() };
}

/** pictures uint8 [B, S, S, 3] of the graph → scores [N, 1], boxes [N, 4] and points [N, 10] of all strides one after another. */
function answers(
  graph: Graph,
  weights: WeightSource,
  config: ScrfdConfig,
  batch: number,
  size: number,
): Record<'scores' | 'boxes' | 'points', Tensor> {
  const shown = pixels(graph.input('pictures', 'uint8', [batch, size, size, 3]), detectorPixels);
  const outputs = architectures.scrfd(Scope.root(graph, weights), shown, config);
  const all = (kind: string) => op.concat(architectures.scrfdStrides.map((stride) => outputs[`${kind}_${stride}`]!), 0); // prettier-ignore
  return { scores: all('score'), boxes: all('bbox'), points: all('kps') };
}

/** Sum over all cells; those that are easy count little: the focal loss with γ = 2, and α = ½, so that a score of ½ means as much. */
function focalLoss(scores: Tensor, wanted: Tensor): Tensor {
  const p = op.clip(scores, 1e-6, 1 - 1e-6);
  const q = op.subFrom(1, p);
  const face = op.mul(op.mul(op.mul(q, q), op.log(p)), op.mul(wanted, 0.5));
  const none = op.mul(op.mul(op.mul(p, p), op.log(q)), op.mul(op.subFrom(1, wanted), 0.5));
  return op.neg(op.reduceSum(op.add(face, none), undefined, true));
}

interface Answer {
  readonly score: number;
  /** Among those of all strides and pictures. */
  readonly row: number;
  readonly stride: number;
  /** Centre of the cell. */
  readonly x: number;
  readonly y: number;
}

/** The highest score in the k-th picture. */
function bestAnswer(scores: Float32Array, k: number, { batch, size, anchors }: { batch: number; size: number; anchors: number }): Answer {
  let best: Answer = { score: -1, row: -1, stride: 0, x: 0, y: 0 };
  let start = 0;
  for (const stride of architectures.scrfdStrides) {
    const side = size / stride;
    const rows = side * side * anchors;
    for (let i = 0; i < rows; i++) {
      const row = start + k * rows + i;
      const cell = Math.floor(i / anchors);
      if (scores[row]! > best.score)
        best = { score: scores[row]!, row, stride, x: (cell % side) * stride, y: Math.floor(cell / side) * stride };
    }
    start += batch * rows;
  }
  return best;
}

/** Mean distance of the landmarks from where they are, in shares of the face's larger side. */
function landmarkError({ x, y, stride }: Answer, points: Float32Array, { box: [left, top, right, bottom], landmarks }: FaceTarget): number {
  const distances = Array.from({ length: 5 }, (_, i) =>
    Math.hypot(x + points[2 * i]! * stride - landmarks[2 * i]!, y + points[2 * i + 1]! * stride - landmarks[2 * i + 1]!),
  );
  return distances.reduce((sum, d) => sum + d, 0) / 5 / Math.max(right - left, bottom - top);
}
