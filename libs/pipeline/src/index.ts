/** The pure steps; each folder's index says what it offers. */
export * from './errors.ts';
export * from './image/index.ts';
export * from './tokenizer/index.ts';
export * from './random/index.ts';
export * from './schedulers/index.ts';
export * from './parsing/index.ts';
export * from './embedding/index.ts';
export * from './diffusion/guidance.ts';
