import { isId } from '@likeness/contracts';
import { expect, it } from 'vitest';
import { newApiKey, parseApiKey, sameSecret } from './index.ts';

it('is parsed into what was stored of it', () => {
  const made = newApiKey();
  expect(made.key).toMatch(/^lk_[0-9a-z]{26}_[\w-]{43}$/);
  expect(isId('key', made.id)).toBe(true);
  const parsed = parseApiKey(made.key);
  expect(parsed?.id).toBe(made.id);
  expect(sameSecret(parsed?.secretHash ?? new Uint8Array(), made.secretHash)).toBe(true);
  expect(made.secretHash).toHaveLength(32);
});

it('matches no other secret', () => {
  const [a, b] = [newApiKey(), newApiKey()];
  expect(sameSecret(a.secretHash, b.secretHash)).toBe(false);
  expect(sameSecret(a.secretHash, a.secretHash.subarray(1))).toBe(false);
});

it.each([
  '',
  'lk_',
  'Bearer x',
  `${newApiKey().key}x`,
  newApiKey().key.slice(0, -1),
  newApiKey().key.toUpperCase(),
  ` ${newApiKey().key}`,
  newApiKey().key.replace('lk_', 'key_'),
])('is not %j', (text) => {
  expect(parseApiKey(text)).toBeNull();
});
