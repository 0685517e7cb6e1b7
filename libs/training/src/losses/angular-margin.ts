import { op, type Tensor } from '@likeness/graph';
import { crossEntropy } from './cross-entropy.ts';
import { unit } from './unit.ts';

/**
 * ArcFace (Deng et al. 2019): cross-entropy over the angles between an embedding and the centres of all identities, after the angle to
 * its own centre was made larger by the margin. embeddings [B, D] and centres [N, D], not of unit length; labels int64 [B]; margin []
 * in radians, an input since it grows during a training. Also the share of embeddings that are nearest to their own centre.
 */
export function angularMarginLoss(
  embeddings: Tensor,
  centres: Tensor,
  labels: Tensor,
  margin: Tensor,
  scale: number,
): { loss: Tensor; accuracy: Tensor } {
  const { graph, dims } = embeddings;
  const column = op.reshape(labels, [dims[0]!, 1]);
  const cosines = op.fusedMatmul(unit(embeddings), unit(centres), { transB: true }); // [B, N]
  const own = op.clip(op.gatherElements(cosines, column, 1), -1 + 1e-6, 1 - 1e-6); // [B, 1]
  const sine = op.sqrt(op.subFrom(1, op.mul(own, own)));
  const cosineOfMargin = op.cos(margin);
  const sineOfMargin = op.sin(margin);
  const wider = op.sub(op.mul(own, cosineOfMargin), op.mul(sine, sineOfMargin)); // cos(θ + m)
  // Beyond θ = π − m the cosine would rise again: the reference goes on linearly there.
  const beyond = op.sub(own, op.mul(sineOfMargin, margin));
  const raised = op.where(op.less(op.neg(cosineOfMargin), own), wider, beyond); // [B, 1]
  const classes = graph.ints(
    Array.from({ length: centres.dims[0]! }, (_, i) => i),
    [1, centres.dims[0]!],
  );
  const logits = op.mul(op.where(op.equal(classes, column), raised, cosines), scale); // [B, N]
  const nearest = op.cast(op.equal(op.argMax(cosines, 1), labels), 'float32');
  return { loss: crossEntropy(logits, column, { axis: 1 }), accuracy: op.reduceMean(nearest) };
}
