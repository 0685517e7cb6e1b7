/** ConsistentID. `consistent-id.ts` is the file to read first. */
export * from './consistent-id.ts';
export * from './folders.ts';
export * from './stages.ts';
export * from './model-set.ts';
export * from './verify-pack.ts';
export * from './options.ts';
export * from './corrections.ts';
export * from './errors.ts';
export * from './safetensors.ts';
export { createPipelineHost, type PipelineHostOptions } from './host.ts';
export { pipelineTasks, type PipelineTasks } from './tasks.ts';

/** The steps; each folder's index says what it offers. */
export * from './image/index.ts';
export * from './tokenizer/index.ts';
export * from './random/index.ts';
export * from './schedulers/index.ts';
export * from './parsing/index.ts';
export * from './embedding/index.ts';
export * from './diffusion/index.ts';
