import { describe, expect, it } from 'vitest';
import { createVault, rewrapKey } from './vault.ts';

const vault = createVault('a secret of the installation, long enough');
const face = Buffer.from('the bytes of a face, the bytes of a face');

describe('the vault', () => {
  it('gives back what it has sealed, also nothing at all and much', () => {
    const key = vault.newKey();
    for (const bytes of [face, Buffer.alloc(0), Buffer.alloc(1_000_003, 7)])
      expect(Buffer.from(vault.unseal(key, 't/a', vault.seal(key, 't/a', bytes)))).toEqual(bytes);
  });

  it('seals as nonce ‖ ciphertext ‖ tag, never twice alike, and shows nothing of the bytes', () => {
    const key = vault.newKey();
    const [a, b] = [vault.seal(key, 't/a', face), vault.seal(key, 't/a', face)];
    expect(a.length).toBe(12 + face.length + 16);
    expect(Buffer.from(a)).not.toEqual(Buffer.from(b));
    expect(Buffer.from(a).includes('face')).toBe(false);
  });

  it('opens nothing that was changed, moved to another name, or sealed under another key', () => {
    const key = vault.newKey();
    const sealed = vault.seal(key, 't/a', face);
    for (const at of [0, 12, sealed.length - 1]) {
      const changed = Uint8Array.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => vault.unseal(key, 't/a', changed)).toThrow();
    }
    expect(() => vault.unseal(key, 't/b', sealed)).toThrow();
    expect(() => vault.unseal(vault.newKey(), 't/a', sealed)).toThrow();
    expect(() => vault.unseal(key, 't/a', sealed.subarray(0, 27))).toThrow(RangeError);
  });

  it('wraps keys with the secret of the configuration: the row alone opens nothing', () => {
    const key = vault.newKey();
    const sealed = vault.seal(key, 't/a', face);
    expect(key.length).toBe(12 + 32 + 16);
    expect(() => createVault('another secret of another installation').unseal(key, 't/a', sealed)).toThrow();
    expect(Buffer.from(createVault('a secret of the installation, long enough').unseal(key, 't/a', sealed))).toEqual(face);
  });

  it('fingerprints alike what is alike, and only within a tenant', () => {
    const of = (tenant: string, text: string) => Buffer.from(vault.fingerprint(tenant, text)).toString('hex');
    expect(of('ten_a', 'face')).toBe(of('ten_a', 'face'));
    expect(new Set([of('ten_a', 'face'), of('ten_b', 'face'), of('ten_a', 'fac')]).size).toBe(3);
  });

  it('hands its keys over to another secret, once or twice, and to no stranger', () => {
    const [before, after] = ['a secret of the installation, long enough', 'the next secret of the installation, as long'];
    const key = vault.newKey();
    const sealed = vault.seal(key, 't/a', face);
    const handed = rewrapKey(key, before, after);
    expect(Buffer.from(createVault(after).unseal(handed, 't/a', sealed))).toEqual(face);
    expect(() => vault.unseal(handed, 't/a', sealed)).toThrow();
    expect(rewrapKey(handed, before, after)).toBe(handed);
    expect(() => rewrapKey(key, 'a secret of somebody else, long enough too', after)).toThrow();
  });
});
