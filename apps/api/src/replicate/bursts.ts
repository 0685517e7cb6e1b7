/**
 * Replicate's client sends a POST whose connection broke up to six times within milliseconds, and brings no key that tells the copies
 * from new requests. Here the same request within a few seconds is one: its copies wait for the first and get what it made.
 *
 * In this process they share one promise; a copy that reaches another replica meets the idempotency row, under a key that is made of
 * the hash and the time.
 */
import { createHash } from 'node:crypto';
import { canonicalJson, type IdempotentRequest } from '../http/idempotency.ts';

const WINDOW_MS = 3_000;

export class Bursts {
  readonly #recent = new Map<string, { readonly until: number; readonly made: Promise<unknown> }>();

  constructor(private readonly now: () => number = Date.now) {}

  /** `make` is called for the first of a burst only. What failed is not remembered: whoever asks after the failure tries anew. */
  once<T>(request: IdempotentRequest, make: () => Promise<T>): Promise<T> {
    const name = Buffer.from(request.hash).toString('base64');
    this.#forget();
    const before = this.#recent.get(name);
    if (before) return before.made as Promise<T>;
    const made = make();
    this.#recent.set(name, { until: this.now() + WINDOW_MS, made });
    made.catch(() => this.#recent.get(name)?.made === made && this.#recent.delete(name));
    return made;
  }

  /** They were entered in the order in which they end. */
  #forget(): void {
    for (const [name, { until }] of this.#recent) {
      if (until > this.now()) return;
      this.#recent.delete(name);
    }
  }
}

/**
 * The key of a request that has none; the parts are what makes it this one, the tenant among them. Its first character is one that no
 * client's key can have. Two copies on both sides of a window's end, on two replicas, are two: milliseconds out of three seconds.
 */
export function burstKey(...parts: readonly unknown[]): IdempotentRequest {
  const hash = createHash('sha256').update(canonicalJson(parts)).digest();
  return { key: `\t${hash.toString('base64url')} ${Math.floor(Date.now() / WINDOW_MS)}`, hash };
}
