import { exportGraph, type Graph } from '@likeness/graph';
import { createSession, type Tensor } from '@likeness/inference';
import type { Batch } from '../trainer/task.ts';

/** Runs a graph over held-out batches and hands the outputs of each to `measure`. */
export async function overBatches(
  graph: Graph,
  batches: Iterable<Batch>,
  measure: (outputs: Record<string, Tensor>, batch: number) => void,
) {
  const session = await createSession({ bytes: exportGraph(graph).bytes, name: graph.name });
  try {
    let count = 0;
    for (const batch of batches) {
      const feeds = graph.inputs.map(({ name, dtype, dims }) => [name, { dtype, dims, data: batch[name] } as Tensor] as const);
      measure(await session.run(Object.fromEntries(feeds)), count++);
    }
  } finally {
    await session.release();
  }
}
