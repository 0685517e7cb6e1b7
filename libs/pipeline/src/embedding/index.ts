export * from './embed-identity.ts';
export * from './encode-reference.ts';
export * from './identity.ts';
export * from './clip-image.ts';
export * from './identity-similarity.ts';
