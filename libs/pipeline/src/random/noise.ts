/** What the noise generators share: a seed makes the same noise here as in torch. */
export type NoiseDtype = 'float32' | 'float64' | 'float16' | 'bfloat16';

/** float64 draws are Float64Array; the others Float32Array, holding values the dtype can represent. */
export type NoiseArray = Float32Array | Float64Array;

export interface NoiseGenerator {
  /** The next `count` standard normal values, in row-major order of whatever shape they are for. The order of calls matters. */
  normal(count: number, dtype?: 'float32'): Float32Array;
  normal(count: number, dtype: NoiseDtype): NoiseArray;
}

/** Values as the dtype holds them. */
export function rounded(values: Float64Array, dtype: NoiseDtype): NoiseArray {
  if (dtype === 'float64') return values;
  const single = Float32Array.from(values);
  if (dtype === 'float16') return single.map((x) => roundToBits(x, 11, -14));
  if (dtype === 'bfloat16') return single.map((x) => roundToBits(x, 8, -126));
  return single;
}

/** To a float of so many significant bits, ties to even; normal noise never comes near the largest value. */
function roundToBits(x: number, bits: number, smallestExponent: number): number {
  if (x === 0) return x;
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(x))), smallestExponent);
  const unit = 2 ** (exponent - bits + 1);
  const scaled = x / unit;
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  return (rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor) * unit;
}
