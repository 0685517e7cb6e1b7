import { op, type Tensor } from '@likeness/graph';
import { resized } from './resize.ts';

/**
 * Mean squared error of what the denoiser predicts, over all elements: []. With `foreground` [B, 1, S, S] in 0…1 the background of both
 * sides is removed before, and still counts in the mean (JackAILab/ConsistentID e234008, train.py, ConsistentID.forward).
 * prediction, target [B, C, h, w].
 */
export function noiseLoss(prediction: Tensor, target: Tensor, foreground?: Tensor): Tensor {
  const difference = op.sub(prediction, target);
  const [, , height, width] = prediction.dims as [number, number, number, number];
  const counted = foreground ? op.mul(difference, resized(foreground, height, width, 'linear')) : difference;
  return op.reduceMean(op.mul(counted, counted));
}
