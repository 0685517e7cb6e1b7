export { GradientError, type GradientErrorCode } from './gradients/errors.ts';
export * from './errors.ts';
export { Random } from './random.ts';
export { Parameters } from './parameters/parameters.ts';
export { saveWeights } from './parameters/save-weights.ts';
export { type AdamWOptions } from './optimiser/adamw.ts';
export { type AverageOptions } from './optimiser/average.ts';
export { type Schedule } from './optimiser/schedule.ts';
export type { Batch, BatchArray, Task } from './trainer/task.ts';
