import type { Graph } from './graph.ts';

/** Element types a graph may hold. */
export type DType = 'float32' | 'float64' | 'float16' | 'int64' | 'int32' | 'bool' | 'uint8' | 'int8';

/** Bytes of an element. */
export const dtypeSizes: Readonly<Record<DType, number>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  int64: 8,
  int32: 4,
  bool: 1,
  uint8: 1,
  int8: 1,
};

/** A value of a graph under construction: no numbers, only a name, an element type and a shape that is known beforehand. */
export interface Tensor {
  readonly graph: Graph;
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly number[];
}

/** What a node leaves: element type and shape. */
export interface Shape {
  readonly dtype: DType;
  readonly dims: readonly number[];
}

/** The shape of an array both sides are repeated to, by the rule of numpy. */
export function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) throw new RangeError(`Shapes [${a.join(', ')}] and [${b.join(', ')}] do not go together.`);
    return x === 1 ? y : x;
  });
}

/** `axis` counted from the front; negative ones count from the back. */
export function axisOf(axis: number, rank: number): number {
  const front = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || front < 0 || front >= rank)
    throw new RangeError(`Axis ${axis} of a tensor of ${rank} dimensions does not exist.`);
  return front;
}
