/** API keys `lk_<26 characters>_<secret>`. The database holds only the hash of the secret. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { newId, type KeyId } from '@likeness/contracts';

export interface ParsedApiKey {
  readonly id: KeyId;
  /** SHA-256, 32 bytes. The secret has 256 random bits, so no slow hash is needed. */
  readonly secretHash: Uint8Array;
}

/** A fresh key; its text is shown once and kept nowhere. */
export const newApiKey = (): ParsedApiKey & { readonly key: string } => newApiKeySecret(newId('key'));

/** A fresh secret of a key. */
export function newApiKeySecret(id: KeyId): ParsedApiKey & { readonly key: string } {
  const secret = randomBytes(32).toString('base64url');
  return { id, key: `lk_${id.slice('key_'.length)}_${secret}`, secretHash: hashOf(secret) };
}

/** The id and the hash to compare; null when the text is no key. */
export function parseApiKey(text: string): ParsedApiKey | null {
  const [, id, secret] = /^lk_([0-9a-hjkmnp-tv-z]{26})_([\w-]{43})$/.exec(text) ?? [];
  return id === undefined || secret === undefined ? null : { id: `key_${id}`, secretHash: hashOf(secret) };
}

/** Compares hashes in constant time. */
export const sameSecret = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && timingSafeEqual(a, b);

const hashOf = (secret: string): Uint8Array => createHash('sha256').update(secret).digest();
