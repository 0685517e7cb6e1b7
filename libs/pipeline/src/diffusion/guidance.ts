/** Classifier-free guidance, and which text a step sees. */

/** u + g·(c − u), from the prediction [2, …]: row 0 without the prompt, row 1 with it. Returns one row. */
export function guide(predicted: Float32Array, scale: number): Float32Array {
  const size = predicted.length / 2;
  return Float32Array.from({ length: size }, (_, i) => {
    const without = predicted[i]!;
    return without + scale * (predicted[size + i]! - without);
  });
}

export type ConditionalRow = 'text' | 'augmented';

/** The fine-grained face enters after `mergeStep`: the steps up to and including it see the plain text, and −1 means from the start. */
export const rowOfStep = (step: number, mergeStep: number): ConditionalRow => (step <= mergeStep ? 'text' : 'augmented');
