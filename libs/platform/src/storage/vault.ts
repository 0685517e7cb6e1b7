/**
 * Data keys. Every object is encrypted under the key of its owner (an upload, a generation, a subject), and a key exists only as a
 * database row, wrapped by a secret of the configuration. To destroy data for good is to delete that row: what is left in the object
 * store, in a copy of it or in a late write is noise. So no process remembers a key: each use unwraps it anew (a few microseconds).
 */
import { createCipheriv, createDecipheriv, createHmac, createSecretKey, hkdfSync, randomBytes, type KeyObject } from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
const [KEY_BYTES, NONCE_BYTES, TAG_BYTES] = [32, 12, 16];

/** A data key as a row holds it. */
export type WrappedKey = Uint8Array;

export interface Vault {
  newKey(): WrappedKey;
  /** nonce ‖ ciphertext ‖ tag. `name` is authenticated: bytes that were moved to another name do not open. */
  seal(key: WrappedKey, name: string, bytes: Uint8Array): Uint8Array;
  /** @throws Error when a byte was changed, or key or name are others */
  unseal(key: WrappedKey, name: string, sealed: Uint8Array): Uint8Array;
  /** Tells whether two things of a tenant are equal, and nothing to those who know only what it was made from. */
  fingerprint(tenantId: string, text: string): Uint8Array;
}

export function createVault(secret: string): Vault {
  const wrapping = wrappingKey(secret); // made ready once: it is in use many times per stage
  const unwrap = (key: WrappedKey) => decrypt(wrapping, '', key);
  return {
    newKey: () => encrypt(wrapping, '', randomBytes(KEY_BYTES)),
    seal: (key, name, bytes) => encrypt(unwrap(key), name, bytes),
    unseal: (key, name, sealed) => decrypt(unwrap(key), name, sealed),
    fingerprint: (tenantId, text) =>
      createHmac('sha256', derive(secret, `likeness fingerprints of ${tenantId}`))
        .update(text)
        .digest(),
  };
}

/**
 * The same data key, wrapped by another secret: what was sealed under it stays as it is. One that is wrapped by it already comes back as it
 * is. @throws Error when neither secret opens it
 */
export function rewrapKey(key: WrappedKey, before: string, after: string): WrappedKey {
  try {
    decrypt(wrappingKey(after), '', key);
    return key;
  } catch {
    return encrypt(wrappingKey(after), '', decrypt(wrappingKey(before), '', key));
  }
}

const derive = (secret: string, purpose: string) => new Uint8Array(hkdfSync('sha256', secret, '', purpose, KEY_BYTES));
const wrappingKey = (secret: string) => createSecretKey(derive(secret, 'likeness data keys'));

function encrypt(key: Uint8Array | KeyObject, name: string, bytes: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(name));
  return Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Uint8Array | KeyObject, name: string, sealed: Uint8Array): Uint8Array {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) throw new RangeError(`${sealed.length} bytes are too few to have been sealed`);
  const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(name))
    .setAuthTag(sealed.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
}
