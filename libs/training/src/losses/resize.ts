import { op, type Tensor } from '@likeness/graph';
import { resizeMatrix, type ResizeMode } from '../resize-matrix.ts';

/** [B, C, H, W] → [B, C, height, width], by a matrix from the left and one from the right. */
export function resized(x: Tensor, height: number, width: number, mode: ResizeMode): Tensor {
  const [, , h, w] = x.dims as [number, number, number, number];
  const rows = h === height ? x : op.matmul(resizeMatrix(x.graph, h, height, mode), x);
  return w === width ? rows : op.matmul(rows, op.transpose(resizeMatrix(x.graph, w, width, mode), [1, 0]));
}
