import { ObjectMissing, unavailable, type ObjectStore } from './object-store.ts';
import { openObjectStore } from './open-store.ts';
import { createVault, type Vault, type WrappedKey } from './vault.ts';

/** An object store whose bytes nobody can read without their data key: what every app that reads or writes objects works with. */
export interface SealedStore extends Pick<ObjectStore, 'remove' | 'list' | 'check'> {
  readonly vault: Vault;
  put(key: string, bytes: Uint8Array, options: { readonly contentType: string; readonly dataKey: WrappedKey }): Promise<void>;
  /** Null: the data key was destroyed, and the object with it. @throws ObjectMissing */
  get(key: string, dataKey: WrappedKey | null): Promise<Uint8Array>;
}

export const openSealedStore = (config: { readonly OBJECT_STORE_URL: string; readonly DATA_KEY_SECRET: string }): SealedStore =>
  sealedStore(openObjectStore(config.OBJECT_STORE_URL), createVault(config.DATA_KEY_SECRET));

export const sealedStore = (store: ObjectStore, vault: Vault): SealedStore => ({
  vault,
  put: (key, bytes, { contentType, dataKey }) => store.put(key, vault.seal(dataKey, key, bytes), { contentType }),
  get: async (key, dataKey) => {
    if (!dataKey) throw new ObjectMissing(key);
    const sealed = await store.get(key);
    try {
      return vault.unseal(dataKey, key, sealed);
    } catch (error) {
      throw unavailable(`open ${key}`, error); // damaged, or another installation's DATA_KEY_SECRET
    }
  },
  remove: (keys) => store.remove(keys),
  list: (prefix) => store.list(prefix),
  check: () => store.check(),
});
