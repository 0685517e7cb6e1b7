export * from './guidance.ts';
export * from './preview.ts';
export * from './provenance.ts';
export * from './sample-portrait.ts';
