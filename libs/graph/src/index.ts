export { WeightError, type WeightErrorCode } from './weights/errors.ts';
export { Checkpoint, type StoredTensor } from './weights/checkpoint.ts';
export type { StoredType } from './weights/dtypes.ts';
export { openCheckpoint } from './weights/open-checkpoint.ts';
export type { Place, WeightSource } from './weights/source.ts';
