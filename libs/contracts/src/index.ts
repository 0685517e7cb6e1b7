export * from './ids.ts';
export * from './paths.ts';
export * from './errors.ts';
export * from './generation-request.ts';
export * from './generation-response.ts';
export * from './packs.ts';
export * from './jobs.ts';
export * from './events.ts';
