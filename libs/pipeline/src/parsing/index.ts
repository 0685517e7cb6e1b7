export * from './face-alignment.ts';
export * from './face-analysis.ts';
export * from './face-detection.ts';
export * from './face-parsing.ts';
export * from './onnx-nodes.ts';
export * from './region-masks.ts';
export * from './regions.ts';
export * from './parse-face.ts';
