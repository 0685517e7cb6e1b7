export * from './embed-identity.ts';
export * from './encode-prompt.ts';
export * from './encode-reference.ts';
export * from './prompt-rows.ts';
export * from './clip-image.ts';
export * from './facial-markers.ts';
export * from './identity-similarity.ts';
