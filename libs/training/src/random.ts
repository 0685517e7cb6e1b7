import { createHash } from 'node:crypto';

/**
 * Random numbers that follow from a seed and a label alone, so that a step draws the same whether the run was interrupted or not, and a
 * parameter begins the same wherever it stands in the model. Chris Doty-Humphrey's sfc32, started from a SHA-256.
 */
export class Random {
  readonly #state: Uint32Array;
  #spare: number | undefined;

  constructor(seed: number, ...label: readonly (string | number)[]) {
    const digest = createHash('sha256')
      .update([seed, ...label].join('\0'))
      .digest();
    this.#state = Uint32Array.of(digest.readUInt32LE(0), digest.readUInt32LE(4), digest.readUInt32LE(8), 1);
    for (let i = 0; i < 12; i++) this.#bits();
  }

  /** In [0, 1), with 32 random bits. */
  next(): number {
    return this.#bits() / 2 ** 32;
  }

  uniform(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** A whole number in [0, count). */
  integer(count: number): number {
    return Math.floor(this.next() * count);
  }

  /** Of mean 0 and deviation 1 (Box and Muller). */
  normal(): number {
    const spare = this.#spare;
    if (spare !== undefined) {
      this.#spare = undefined;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    const angle = 2 * Math.PI * this.next();
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** `count` normal numbers of the given deviation. */
  normals(count: number, deviation = 1): Float32Array<ArrayBuffer> {
    const values = new Float32Array(count);
    for (let i = 0; i < count; i++) values[i] = deviation * this.normal();
    return values;
  }

  #bits(): number {
    const s = this.#state;
    const t = (s[0]! + s[1]! + s[3]!) | 0;
    s[3]! += 1;
    s[0] = s[1]! ^ (s[1]! >>> 9);
    s[1] = s[2]! + (s[2]! << 3);
    s[2] = ((s[2]! << 21) | (s[2]! >>> 11)) + t;
    return t >>> 0;
  }
}
