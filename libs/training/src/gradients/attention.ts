import { op, type Tensor } from '@likeness/graph';
import { int, unsupported, type Step } from './derivative.ts';

/**
 * softmax(q·kᵀ/√d)·v. The fused kernel keeps its probabilities to itself, so the node is replaced by its parts (which at a few hundred
 * tokens are no slower). dV = Pᵀ·dO; dS = P∘(dP − Σ dP∘P) with dP = dO·Vᵀ; dQ = dS·K/√d; dK = dSᵀ·Q/√d.
 */
export function attention({ graph, node, dy, inputs }: Step) {
  const [q, k, v, ...more] = inputs as [Tensor, Tensor, Tensor];
  if (more.length > 0 || 'scale' in node.attributes) throw unsupported(node, 'with more than queries, keys and values');
  const heads = int(node, 'num_heads', 1);
  const causal = int(node, 'unidirectional', 0) === 1;

  let parts: { query: Tensor; key: Tensor; value: Tensor; probabilities: Tensor };
  graph.replace(node, () => {
    const { query, key, probabilities } = op.attentionProbabilities(q, k, heads, { causal });
    const value = op.splitHeads(v, heads);
    parts = { query, key, value, probabilities };
    return [op.joinHeads(op.matmul(probabilities, value))];
  });
  const { query, key, value, probabilities } = parts!;
  const alpha = 1 / Math.sqrt(q.dims[2]! / heads);
  const dOut = op.splitHeads(dy, heads); // [B, h, S, d]
  const dScores = () => {
    const share = op.mul(probabilities, op.fusedMatmul(dOut, value, { transB: true })); // [B, h, S, T]
    return op.sub(share, op.mul(probabilities, op.reduceSum(share, [3], true)));
  };
  let scores: Tensor | undefined;
  const once = () => (scores ??= dScores());
  return [
    () => op.joinHeads(op.fusedMatmul(once(), key, { alpha })),
    () => op.joinHeads(op.fusedMatmul(once(), query, { transA: true, alpha })),
    () => op.joinHeads(op.fusedMatmul(probabilities, dOut, { transA: true })),
  ];
}
