import { op, Scope } from '@likeness/graph';
import type { Task } from '../trainer/task.ts';

/** Values [B, 3] that lie about 5 are normalised by the statistics of the batch: the running ones come to lie there, without a gradient. */
export const followingTask = (): Task => ({
  build(graph, parameters) {
    const s = Scope.root(graph, parameters);
    const x = graph.input('x', 'float32', [16, 3]);
    const [mean, variance] = [s.weight('running_mean', [3]), s.weight('running_var', [3])];
    const { y, ...next } = op.batchNormOfBatch(x, s.weight('weight', [3]), s.weight('bias', [3]), { mean, variance }, 1e-5, 0.1);
    s.update('running_mean', next.mean);
    s.update('running_var', next.variance);
    const error = op.sub(y, 1);
    return { loss: op.reduceMean(op.mul(error, error)) };
  },
  batch: async (_, random) => ({ x: random.normals(48, 2).map((value) => value + 5) }),
});

/** A network of two layers learns y = |x₁| − x₂ from drawn points: small enough for hundreds of steps in a test. */
export function tinyTask({ batch = 8, breaksAt }: { batch?: number; breaksAt?: number } = {}): Task {
  return {
    build(graph, parameters) {
      const s = Scope.root(graph, parameters, 'net');
      const x = graph.input('x', 'float32', [batch, 2]);
      const y = graph.input('y', 'float32', [batch, 1]);
      const hidden = op.silu(op.linear(x, s.weight('fc1.weight', [16, 2]), s.weight('fc1.bias', [16])));
      const error = op.sub(op.linear(hidden, s.weight('fc2.weight', [1, 16]), s.weight('fc2.bias', [1])), y);
      const loss = op.linear(
        op.reshape(op.mul(error, error), [1, batch]),
        graph.floats(new Array<number>(batch).fill(1 / batch), [1, batch]),
      );
      return { loss: op.reshape(loss, [1]), metrics: { first_error: op.reshape(op.slice(error, 0, 0, 1), [1]) } };
    },
    async batch(step, random) {
      const x = random.normals(2 * batch);
      if (step === breaksAt) x.fill(NaN);
      return { x, y: Float32Array.from({ length: batch }, (_, i) => Math.abs(x[2 * i]!) - x[2 * i + 1]!) };
    },
    evaluate: async (weights) => ({ keys: weights.keys!.length }),
  };
}
