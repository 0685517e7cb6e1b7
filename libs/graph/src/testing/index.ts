export * from './tensors.ts';
export * from './torch-files.ts';
