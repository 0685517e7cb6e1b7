export { openObjectStore } from './open-store.ts';
export { ObjectMissing, type ListedObject, type ObjectStat, type ObjectStore } from './object-store.ts';
export { openSealedStore, sealedStore, type SealedStore } from './sealed-store.ts';
export { createVault, rewrapKey, type Vault, type WrappedKey } from './vault.ts';
