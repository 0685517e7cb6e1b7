export * from './decode.ts';
export * from './encode.ts';
export * from './picture.ts';
export * from './resize.ts';
