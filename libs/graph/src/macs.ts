import type { Graph } from './graph.ts';
import { elementCount } from './weights/dtypes.ts';

/** Multiply-accumulates of one run: convolutions, matrix products and attention (both its products). Elementwise work is not counted. */
export function countMacs(graph: Graph): number {
  let total = 0;
  for (const { op, inputs, outputs } of graph.liveNodes()) {
    const [first, second] = inputs;
    const size = elementCount(outputs[0]!.dims);
    if (op === 'Conv') total += size * elementCount(second!.dims.slice(1));
    else if (op === 'Gemm' || op === 'MatMul') total += size * first!.dims.at(-1)!;
    else if (op === 'MultiHeadAttention') total += 2 * size * second!.dims[1]!;
  }
  return total;
}
