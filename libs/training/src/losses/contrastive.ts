import { op, type Tensor } from '@likeness/graph';
import { crossEntropy } from './cross-entropy.ts';
import { unit } from './unit.ts';

/**
 * CLIP's loss: of all pictures the right one for each text, and the other way round (Radford et al. 2021, fig. 3).
 * images and texts [B, P], not of unit length; logitScale [] the logarithm of the inverse temperature. Also the share of the texts that
 * find their picture.
 */
export function contrastiveLoss(images: Tensor, texts: Tensor, logitScale: Tensor): { loss: Tensor; accuracy: Tensor } {
  const { graph, dims } = images;
  const batch = dims[0]!;
  // The scale is clamped at 100 as in CLIP's own training.
  const scale = op.exp(op.clip(logitScale, 0, Math.log(100)));
  const logits = op.mul(op.fusedMatmul(unit(texts), unit(images), { transB: true }), scale); // [B texts, B pictures]
  const own = graph.ints(Array.from({ length: batch }, (_, i) => i)); // [B]
  const byText = crossEntropy(logits, op.reshape(own, [batch, 1]), { axis: 1 });
  const byImage = crossEntropy(logits, op.reshape(own, [1, batch]), { axis: 0 });
  const right = op.cast(op.equal(op.argMax(logits, 1), own), 'float32');
  return { loss: op.mul(op.add(byText, byImage), 0.5), accuracy: op.reduceMean(right) };
}
