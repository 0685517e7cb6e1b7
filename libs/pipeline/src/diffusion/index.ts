export * from './guidance.ts';
export * from './provenance.ts';
export * from './sample-portrait.ts';
