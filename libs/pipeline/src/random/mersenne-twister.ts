/** The generator behind `torch.Generator()` on the CPU: mt19937, seeded with the low 32 bits of the seed. */
export class MersenneTwister {
  private readonly state = new Uint32Array(624);
  private next = 624;

  constructor(seed: bigint) {
    const { state } = this;
    state[0] = Number(BigInt.asUintN(32, seed));
    for (let i = 1; i < 624; i++) {
      const previous = state[i - 1]! ^ (state[i - 1]! >>> 30);
      state[i] = Math.imul(1812433253, previous) + i;
    }
  }

  /** 32 random bits. */
  uint32(): number {
    if (this.next === 624) this.twist();
    let y = this.state[this.next++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** [0, 1) from the low 24 bits: torch's float32. */
  uniform24(): number {
    return (this.uint32() & 0xffffff) / 2 ** 24;
  }

  /** [0, 1) from the low 53 of 64 bits, the high word drawn first: torch's float64. */
  uniform53(): number {
    const high = this.uint32() & 0x1fffff;
    return (high * 2 ** 32 + this.uint32()) / 2 ** 53;
  }

  private twist(): void {
    const { state } = this;
    for (let i = 0; i < 624; i++) {
      const y = (state[i]! & 0x80000000) | (state[(i + 1) % 624]! & 0x7fffffff);
      state[i] = state[(i + 397) % 624]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.next = 0;
  }
}
