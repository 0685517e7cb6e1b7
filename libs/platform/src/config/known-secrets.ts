/** Secrets that everybody knows: of examples, of images as they are delivered, of our own tests. */

const KNOWN_PASSWORDS = new Set(['admin', 'changeme', 'default', 'example', 'likeness', 'minio', 'minio123', 'minioadmin', 'password', 'postgres', 'redis', 'root', 'secret', 'test']); // prettier-ignore
const KNOWN_PARTS = /change.?me|replace.?me|example|for.tests|likeness-tests|your.secret|<[^>]*>/i;

/** Whether the value of a secret variable is a known one, or is a URL with a known password. */
export function isKnownSecret(value: string): boolean {
  const secret = value.includes('://') ? new URL(value).password : value;
  return KNOWN_PASSWORDS.has(secret.toLowerCase()) || KNOWN_PARTS.test(secret) || isOneCharacter(secret);
}

const isOneCharacter = (text: string): boolean => text.length > 0 && new Set(text).size === 1;
