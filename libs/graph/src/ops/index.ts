export * from './elementwise.ts';
export * from './layout.ts';
export * from './normalise.ts';
export * from './products.ts';
export * from './reduce.ts';
export * from './resize.ts';
