/** `torch.randn(…, generator=torch.Generator().manual_seed(seed))` on the CPU, rule by rule (torch 2.13, `DistributionTemplates.h`). */
import { MersenneTwister } from './mersenne-twister.ts';
import { rounded, type NoiseArray, type NoiseDtype, type NoiseGenerator } from './noise.ts';

/** Box-Muller over blocks of 16: element j and j + 8 share the uniforms j and j + 8. */
const BLOCK = 16;

export class TorchCpuGenerator implements NoiseGenerator {
  private readonly engine: MersenneTwister;
  /** The second value of a pair that nobody asked for yet; it waits across larger draws. */
  private spare: number | null = null;

  constructor(seed: bigint) {
    this.engine = new MersenneTwister(seed);
  }

  normal(count: number, dtype?: 'float32'): Float32Array;
  normal(count: number, dtype: NoiseDtype): NoiseArray;
  normal(count: number, dtype: NoiseDtype = 'float32'): NoiseArray {
    const values = new Float64Array(count);
    if (count < BLOCK) for (let i = 0; i < count; i++) values[i] = this.single();
    else this.fill(values, dtype);
    return rounded(values, dtype);
  }

  private single(): number {
    if (this.spare !== null) {
      const value = this.spare;
      this.spare = null;
      return value;
    }
    const angle = 2 * Math.PI * this.engine.uniform53();
    const radius = Math.sqrt(-2 * Math.log1p(-this.engine.uniform53()));
    this.spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  private fill(values: Float64Array, dtype: NoiseDtype): void {
    const uniform = dtype === 'float64' ? () => this.engine.uniform53() : () => this.engine.uniform24();
    const whole = values.length - (values.length % BLOCK);
    // float32 and float64 draw a uniform for every element first; the half types draw block by block, so the rest has none
    const drawn = dtype === 'float32' || dtype === 'float64' ? values.length : whole;
    for (let i = 0; i < drawn; i++) values[i] = uniform();
    for (let i = 0; i < whole; i += BLOCK) toNormal(values.subarray(i, i + BLOCK));
    if (whole === values.length) return;
    const tail = values.subarray(values.length - BLOCK); // overwrites the end of the last whole block
    for (let i = 0; i < BLOCK; i++) tail[i] = uniform();
    toNormal(tail);
  }
}

/** 16 uniforms → 16 normal values, in place. */
function toNormal(block: Float64Array): void {
  for (let j = 0; j < BLOCK / 2; j++) {
    const radius = Math.sqrt(-2 * Math.log(1 - block[j]!));
    const angle = 2 * Math.PI * block[j + 8]!;
    block[j] = radius * Math.cos(angle);
    block[j + 8] = radius * Math.sin(angle);
  }
}
