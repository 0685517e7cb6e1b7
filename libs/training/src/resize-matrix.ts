import type { Graph, Tensor } from '@likeness/graph';

/**
 * `nearest`: floor(i·in/out). `linear`: pixels are areas, without antialias (torch's `align_corners=False`). `align-corners`: the corners of input and output lie
 * on each other. `antialias`: linear with antialias, as torch and Pillow have it: when it shrinks, a pixel averages with a triangle as wide as two of its own.
 */
export type ResizeMode = 'nearest' | 'linear' | 'align-corners' | 'antialias';

/** The resize of one axis as a matrix, [out, in], a constant. */
export function resizeMatrix(graph: Graph, from: number, to: number, mode: ResizeMode): Tensor {
  const name = `resize(${from} → ${to}, ${mode})`;
  const bytes = () => new Uint8Array(Float32Array.from(resizeRows(from, to, mode).flat()).buffer);
  return graph.constant({ name, dtype: 'float32', dims: [to, from], recipe: name, bytes, literal: true });
}

/** What each new pixel takes of each old one; every row sums to 1. */
export const resizeRows = (from: number, to: number, mode: ResizeMode): number[][] =>
  Array.from({ length: to }, (_, i) => {
    const weights = weightsOf(i, from, to, mode);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => weight / total);
  });

function weightsOf(i: number, from: number, to: number, mode: ResizeMode): number[] {
  const scale = from / to;
  if (mode === 'nearest') return triangle(Math.floor(i * scale), from, 1);
  if (mode === 'align-corners') return triangle(to === 1 ? 0 : (i * (from - 1)) / (to - 1), from, 1);
  const centre = (i + 0.5) * scale - 0.5;
  if (mode === 'antialias') return triangle(centre, from, Math.max(scale, 1));
  return triangle(Math.min(Math.max(centre, 0), from - 1), from, 1);
}

/** 1 at the centre, falling to 0 at `reach`. */
const triangle = (centre: number, from: number, reach: number): number[] =>
  Array.from({ length: from }, (_, j) => Math.max(0, 1 - Math.abs(j - centre) / reach));
