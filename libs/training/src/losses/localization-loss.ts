import { op, type Tensor } from '@likeness/graph';
import { resized } from './resize.ts';

/** Added to what is divided by, as the reference has it. */
const epsilon = 1e-5;

export interface MarkedRegions {
  /** float32 [B, R, S, S] in 0…1: where each facial region lies in the picture. */
  readonly masks: Tensor;
  /** int64 [B, R]: the token that speaks of it. */
  readonly tokens: Tensor;
  /** bool [B, R]: whether there is one. */
  readonly present: Tensor;
}

/**
 * How far attention to the facial tokens strays from their regions: per head and region the mean attention outside the region less that
 * inside; averaged over regions, heads, samples and layers: []. A sample without regions gives 0 and counts. With `normalize` each map
 * is divided by its largest value first (mit-han-lab/fastcomposer b9304a2, BalancedL1Loss; JackAILab/ConsistentID e234008,
 * functions.get_object_localization_loss).
 *
 * attentions: softmax probabilities [B, h, n, m] of square pictures of n pixels over m tokens, one for each layer.
 */
export function localizationLoss(attentions: readonly Tensor[], regions: MarkedRegions, { normalize }: { normalize: boolean }): Tensor {
  const layers = attentions.map((attention) => layerLoss(attention, regions, normalize));
  return op.mul(
    layers.reduce((sum, loss) => op.add(sum, loss)),
    1 / layers.length,
  );
}

function layerLoss(attention: Tensor, { masks, tokens, present }: MarkedRegions, normalize: boolean): Tensor {
  const [batch, , pixels, length] = attention.dims as [number, number, number, number];
  const count = masks.dims[1]!;
  const side = Math.sqrt(pixels);
  if (!Number.isInteger(side)) throw new RangeError(`${pixels} pixels are not those of a square picture.`);

  const chosen = op.equal(column(length, tokens), op.reshape(tokens, [batch, 1, 1, count]));
  let maps = op.matmul(attention, op.cast(chosen, 'float32')); // [B, h, n, R]: the columns that belong to the tokens
  if (normalize) maps = op.div(maps, op.add(op.reduceMax(maps, [2], true), epsilon));

  const small = op.reshape(resized(masks, side, side, 'antialias'), [batch, 1, count, pixels]);
  const inside = op.transpose(small, [0, 1, 3, 2]); // [B, 1, n, R]
  const mean = (weights: Tensor) => op.div(op.reduceSum(op.mul(maps, weights), [2]), op.add(op.reduceSum(weights, [2]), epsilon));
  const strayed = op.sub(mean(op.subFrom(1, inside)), mean(inside)); // [B, h, R]

  const counts = op.cast(present, 'float32'); // [B, R]
  const perHead = op.reduceSum(op.mul(strayed, op.reshape(counts, [batch, 1, count])), [2]); // [B, h]
  return op.reduceMean(op.div(perHead, op.add(op.reduceSum(counts, [1], true), epsilon)));
}

/** 0 … length − 1, to be compared with token indices: [1, 1, m, 1]. */
const column = (length: number, { graph }: Tensor): Tensor =>
  graph.ints(
    Array.from({ length }, (_, i) => i),
    [1, 1, length, 1],
  );
