import type { Tensor } from '../tensor.ts';

/** [B, C, H, W] → [B, C, height, width]. Nearest takes floor(i·in/out), as torch does. */
export function resizeNearest(x: Tensor, height: number, width: number): Tensor {
  return resize(x, height, width, { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' });
}

/** Bilinear with the corners of input and output laid on each other (`align_corners=True`). */
export function resizeAlignCorners(x: Tensor, height: number, width: number): Tensor {
  return resize(x, height, width, { mode: 'linear', coordinate_transformation_mode: 'align_corners' });
}

/** Bilinear between the centres of pixels, without antialias (`align_corners=False`). */
export function resizeBilinear(x: Tensor, height: number, width: number): Tensor {
  return resize(x, height, width, { mode: 'linear', coordinate_transformation_mode: 'half_pixel' });
}

function resize(x: Tensor, height: number, width: number, attributes: Record<string, string>): Tensor {
  const [b, c, h, w] = x.dims as [number, number, number, number];
  if (h === height && w === width) return x;
  const dims = [b, c, height, width];
  return x.graph.node('Resize', [x, undefined, undefined, x.graph.ints(dims)], { dtype: x.dtype, dims }, attributes);
}
