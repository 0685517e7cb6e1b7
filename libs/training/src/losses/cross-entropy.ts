import { op, type Tensor } from '@likeness/graph';

export interface CrossEntropyOptions {
  /** Of the classes in the logits. */
  readonly axis?: number;
  /** Per class; all 1 unless given. */
  readonly weights?: readonly number[];
}

/**
 * Mean of −log softmax(logits)[label], weighted by the weight of the label: torch's CrossEntropyLoss. The labels are int64 with the
 * dimensions of the logits, of which the one of the classes is 1.
 */
export function crossEntropy(logits: Tensor, labels: Tensor, { axis = -1, weights }: CrossEntropyOptions = {}): Tensor {
  const ofLabel = op.neg(op.gatherElements(op.logSoftmax(logits, axis), labels, axis));
  if (!weights) return op.reduceMean(ofLabel);
  const weight = op.gather(logits.graph.floats(weights, [weights.length]), labels);
  return op.div(op.reduceSum(op.mul(ofLabel, weight)), op.reduceSum(weight));
}
