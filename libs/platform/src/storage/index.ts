export { openObjectStore } from './open-store.ts';
export { ObjectMissing, type ListedObject, type ObjectStat, type ObjectStore } from './object-store.ts';
