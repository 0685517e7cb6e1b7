export * from './clip-image.ts';
export * from './facial-markers.ts';
