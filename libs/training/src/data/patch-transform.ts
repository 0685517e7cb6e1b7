import { WeightError, type WeightSource } from '@likeness/graph';
import { Covariance } from './principal-components.ts';
import { pixelBatch, type RasterFile } from './raster-file.ts';

/**
 * The linear maps of an AutoencoderPatch from the principal components of its patches: `encoder.conv` gives the coefficients along the
 * first `channels` directions, `decoder.linear` goes back. A channel of deviation σ is divided by √σ and all by one number, so that the
 * latents have the variance 1 over all: the coarse stays larger than the fine, but less so.
 */
export function patchTransform(pictures: RasterFile, indices: readonly number[], channels: number, patch: number): WeightSource {
  const area = patch * patch;
  const width = 3 * area;
  const covariance = new Covariance(width);
  for (const index of indices) for (const vector of patches(pixelBatch(pictures, [index]), pictures.size, patch)) covariance.add(vector);
  const { mean, directions, variances } = covariance.components();

  const deviations = variances.slice(0, channels).map((variance) => Math.sqrt(Math.max(variance, 1e-8)));
  const overall = Math.sqrt(deviations.reduce((sum, deviation) => sum + deviation, 0) / channels); // of c/√σ: its variance is σ
  const scales = deviations.map((deviation) => 1 / (Math.sqrt(deviation) * overall));
  const tensors: Record<string, { shape: readonly number[]; at: (i: number) => number }> = {
    'encoder.conv.weight': {
      shape: [channels, 3, patch, patch],
      at: (i) => scales[Math.floor(i / width)]! * directions[Math.floor(i / width)]![i % width]!,
    },
    'encoder.conv.bias': { shape: [channels], at: (c) => -scales[c]! * directions[c]!.reduce((sum, x, i) => sum + x * mean[i]!, 0) },
    'decoder.linear.weight': {
      shape: [width, channels, 1, 1],
      at: (i) => directions[i % channels]![Math.floor(i / channels)]! / scales[i % channels]!,
    },
    'decoder.linear.bias': { shape: [width], at: (i) => mean[i]! },
  };
  return {
    name: 'principal components of the patches',
    fingerprint: `principal components, ${channels} of patches of ${patch}`,
    keys: Object.keys(tensors),
    has: (key) => Object.hasOwn(tensors, key),
    shape: (key) => tensors[key]?.shape,
    place: () => undefined,
    read(key) {
      const tensor = tensors[key];
      if (!tensor) throw new WeightError('weight_missing', `The principal components have no tensor "${key}".`);
      return Float32Array.from({ length: tensor.shape.reduce((n, d) => n * d) }, (_, i) => tensor.at(i));
    },
  };
}

/** The patches of a picture [3, S, S], each [3·patch·patch], colour by colour. */
function* patches(pixels: Float32Array, size: number, patch: number): Generator<Float64Array> {
  const vector = new Float64Array(3 * patch * patch);
  for (let top = 0; top + patch <= size; top += patch)
    for (let left = 0; left + patch <= size; left += patch) {
      let at = 0;
      for (let c = 0; c < 3; c++)
        for (let y = top; y < top + patch; y++) for (let x = left; x < left + patch; x++) vector[at++] = pixels[(c * size + y) * size + x]!;
      yield vector;
    }
}
