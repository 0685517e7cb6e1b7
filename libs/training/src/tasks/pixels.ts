import { op, type Tensor } from '@likeness/graph';

/** What a network's pixels are scaled by: (x / 255 − mean) / std per channel. */
export interface PixelScale {
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** −1…1: the autoencoder, the recogniser. */
export const signedPixels: PixelScale = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };
/** torchvision's, of the face parser. */
export const imagenetPixels: PixelScale = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
/** CLIP's. */
export const clipPixelScale: PixelScale = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
};

/** Pictures as they lie in files, uint8 [B, H, W, 3] → float32 [B, 3, H, W]. */
export function pixels(pictures: Tensor, { mean, std }: PixelScale): Tensor {
  const { graph } = pictures;
  const planar = op.transpose(op.cast(pictures, 'float32'), [0, 3, 1, 2]);
  const factors = std.map((s) => 1 / (255 * s));
  const scaled = op.mul(planar, graph.floats(factors, [3, 1, 1]));
  return op.sub(scaled, graph.floats(mean.map((m, i) => m / std[i]!), [3, 1, 1])); // prettier-ignore
}
