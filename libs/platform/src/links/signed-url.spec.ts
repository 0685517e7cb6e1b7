import { describe, expect, it } from 'vitest';
import { createSigner } from './signed-url.ts';

describe('a signed link', () => {
  let time = 1_800_000_000_000;
  const signer = createSigner('a secret of more than 32 characters', 'https://api.example', () => time);
  const queryOf = (url: string) => Object.fromEntries(new URL(url).searchParams);

  it('opens its own path and method until it runs out', () => {
    const { url, expiresAt } = signer.sign('GET', '/v1/artifacts/art_1', 60);
    expect(url).toMatch(/^https:\/\/api\.example\/v1\/artifacts\/art_1\?expires=1800000060&signature=[\w-]{43}$/);
    expect(expiresAt.getTime()).toBe(1_800_000_060_000);
    expect(() => signer.verify('GET', '/v1/artifacts/art_1', queryOf(url))).not.toThrow();
    expect(() => signer.verify('PUT', '/v1/artifacts/art_1', queryOf(url))).toThrow(expect.objectContaining({ code: 'not_found' }));
    expect(() => signer.verify('GET', '/v1/artifacts/art_2', queryOf(url))).toThrow(expect.objectContaining({ code: 'not_found' }));
    expect(() => signer.verify('GET', '/v1/artifacts/art_1', { ...queryOf(url), expires: '1900000000' })).toThrow(
      expect.objectContaining({ code: 'not_found' }),
    );
    expect(() => signer.verify('GET', '/v1/artifacts/art_1', {})).toThrow(expect.objectContaining({ code: 'not_found' }));
    time += 60_000;
    expect(() => signer.verify('GET', '/v1/artifacts/art_1', queryOf(url))).toThrow(expect.objectContaining({ code: 'data_expired' }));
  });

  it('of another secret is no link', () => {
    const other = createSigner('another secret of more than 32 characters', 'https://api.example');
    expect(() => signer.verify('GET', '/x', queryOf(other.sign('GET', '/x', 60).url))).toThrow(
      expect.objectContaining({ code: 'not_found' }),
    );
  });
});
