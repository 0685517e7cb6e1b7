export * from './build-vocabulary.ts';
export * from './clean-text.ts';
export * from './clip-tokenizer.ts';
export * from './vocabulary.ts';
