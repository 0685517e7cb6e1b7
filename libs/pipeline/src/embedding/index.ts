export * from './embed-identity.ts';
export * from './clip-image.ts';
export * from './facial-markers.ts';
export * from './identity-similarity.ts';
