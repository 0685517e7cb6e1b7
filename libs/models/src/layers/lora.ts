import type { Scope, Tensor } from '@likeness/graph';

/**
 * The weight of a linear layer with its LoRA merged in: W + scale · up · down, [out, in]; summed in double precision and rounded
 * once. Keys: `weight` of the layer, `down.weight` [rank, in] and `up.weight` [out, rank] of the LoRA.
 */
export function mergeLora(layer: Scope, dims: readonly [number, number], lora: Scope, rank: number, scale: number): Tensor {
  const [out, width] = dims;
  const weight = layer.claim('weight', dims);
  const down = lora.claim('down.weight', [rank, width]);
  const up = lora.claim('up.weight', [out, rank]);
  return layer.derived('weight', dims, `${weight} + ${scale} * ${up} * ${down}`, () =>
    addProduct(layer.source.read(weight, dims), lora.source.read(up, [out, rank]), lora.source.read(down, [rank, width]), rank, scale),
  );
}

/** base [out, in] + scale · up [out, rank] · down [rank, in] */
export function addProduct(base: Float32Array, up: Float32Array, down: Float32Array, rank: number, scale: number): Float32Array {
  const out = up.length / rank;
  const width = down.length / rank;
  const merged = new Float32Array(base.length);
  const row = new Float64Array(width);
  for (let o = 0; o < out; o++) {
    for (let i = 0; i < width; i++) row[i] = base[o * width + i]!;
    for (let r = 0; r < rank; r++) {
      const factor = scale * up[o * rank + r]!;
      const start = r * width;
      for (let i = 0; i < width; i++) row[i]! += factor * down[start + i]!;
    }
    merged.set(row, o * width);
  }
  return merged;
}
