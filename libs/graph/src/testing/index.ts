export * from './tensors.ts';
export * from './torch-files.ts';
export * from './onnx-files.ts';
