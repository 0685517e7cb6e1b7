export * from './encode-prompt.ts';
export * from './facial-markers.ts';
export * from './prompt-rows.ts';
export * from './guidance.ts';
export * from './preview.ts';
export * from './provenance.ts';
export * from './sample-portrait.ts';
export * from './sample-state.ts';
