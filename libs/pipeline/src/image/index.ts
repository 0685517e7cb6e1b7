export * from './decode.ts';
export * from './picture.ts';
export * from './resize.ts';
