/**
 * `torch.randn(…, device="cuda")` on any machine: Philox 4×32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3")
 * and Box-Muller as cuRAND does it. Holds while one draw has no more elements than the GPU runs threads at once; latents are far below.
 */
import { rounded, type NoiseArray, type NoiseDtype, type NoiseGenerator } from './noise.ts';

export class TorchCudaGenerator implements NoiseGenerator {
  private readonly key: readonly [low: number, high: number];
  private draw = 0;

  constructor(seed: bigint) {
    this.key = [Number(BigInt.asUintN(32, seed)), Number(BigInt.asUintN(32, seed >> 32n))];
  }

  normal(count: number, dtype?: 'float32'): Float32Array;
  normal(count: number, dtype: NoiseDtype): NoiseArray;
  normal(count: number, dtype: NoiseDtype = 'float32'): NoiseArray {
    const values = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const [x, y] = philox([this.draw, 0, i, 0], this.key);
      values[i] = Math.sqrt(-2 * Math.log((x + 0.5) / 2 ** 32)) * Math.sin((2 * Math.PI * (y + 0.5)) / 2 ** 32);
    }
    this.draw++;
    return rounded(values, dtype);
  }
}

/** Ten rounds; the first two words of the result. */
function philox(counter: [number, number, number, number], key: readonly [number, number]): [number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = multiply(0xd2511f53, c0);
    const [high2, low2] = multiply(0xcd9e8d57, c2);
    [c0, c1, c2, c3] = [(high2 ^ c1 ^ k0) >>> 0, low2, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1];
}

/** The two 32-bit words of a 64-bit product. */
function multiply(a: number, b: number): [high: number, low: number] {
  const [a1, a0] = [a >>> 16, a & 0xffff];
  const [b1, b0] = [b >>> 16, b & 0xffff];
  const low = a0 * b0;
  const middle = a1 * b0 + (low >>> 16); // ≤ (2^16 − 1)² + 2^16 − 1 < 2^32
  const cross = a0 * b1 + (middle & 0xffff);
  return [a1 * b1 + (middle >>> 16) + (cross >>> 16), Math.imul(a, b) >>> 0];
}
