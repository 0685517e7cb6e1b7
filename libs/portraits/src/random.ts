/**
 * A small seeded generator (sfc32, Chris Doty-Humphrey's), so that a portrait is the same on every machine. `new Random(seed, a, b, …)`
 * is one of many independent streams: the (seed, index) of a portrait decides it, whatever was drawn before.
 */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  constructor(...stream: readonly number[]) {
    const words = stream.flatMap((value) => [value >>> 0, Math.floor(value / 2 ** 32) >>> 0]);
    [this.a, this.b, this.c] = [hash(words, 0x9e3779b9), hash(words, 0x85ebca6b), hash(words, 0xc2b2ae35)];
    for (let i = 0; i < 12; i++) this.uint32();
  }

  uint32(): number {
    const sum = (this.a + this.b + this.counter++) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** [low, high) */
  uniform(low = 0, high = 1): number {
    return low + ((high - low) * this.uint32()) / 2 ** 32;
  }

  /** Gaussian, cut at ±2.5 deviations so that no face is a monster. */
  normal(mean = 0, deviation = 1): number {
    for (;;) {
      const draw = Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
      if (Math.abs(draw) <= 2.5) return mean + deviation * draw;
    }
  }

  chance(probability: number): boolean {
    return this.uniform() < probability;
  }

  /** 0 … count − 1 */
  integer(count: number): number {
    return Math.floor(this.uniform() * count);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.integer(list.length)]!;
  }

  /** A key of `weights`, as often as its weight says. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][];
    let left = this.uniform() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    return entries.find(([, weight]) => (left -= weight) < 0)?.[0] ?? entries[0]![0];
  }
}

/** FNV-1a over words, with murmur3's finaliser. */
function hash(words: readonly number[], salt: number): number {
  let h = salt ^ 0x811c9dc5;
  for (const word of words) h = Math.imul(h ^ word ^ (word >>> 15), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}
