/**
 * Dialects: the same graph in the operators and the precision that one kind of device runs best. A dialect is a function over the
 * finished graph; inputs and outputs keep their names, shapes and element types. Architectures know nothing of it.
 */
import type { Graph } from '../graph.ts';
import { toCpu } from './cpu.ts';
import { toCuda } from './cuda.ts';

export const dialects = {
  /** float32 in standard operators and those the runtime has everywhere: as the architectures write it. */
  cpu: toCpu,
  /** float16 weights and arithmetic, channels last, in the fused operators of the runtime's CUDA provider. */
  cuda: toCuda,
} as const satisfies Record<string, (graph: Graph) => Graph>;

export type Dialect = keyof typeof dialects;
