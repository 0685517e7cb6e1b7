/** The rows that steer the denoising. */
import { stackRows, type FloatTensor } from '../safetensors.ts';

export interface PromptRow {
  /** 77 text tokens and 4 identity tokens, [1, 81, C]. */
  readonly tokens: FloatTensor;
  /** SDXL: the text as one vector, [1, P]. */
  readonly pooled?: FloatTensor;
}

/**
 * `null` is without prompt and person and the same in both phases; `text` serves the first phase; in `augmented`, for the second,
 * the fine-grained features are fused into the marked tokens. `nullPlain` takes the place of `null` in the first phase where it is asked for.
 */
export interface PromptRows extends Readonly<Record<'null' | 'text' | 'augmented', PromptRow>> {
  readonly nullPlain?: PromptRow;
}

/** Two rows under one another: [2, 81, C] and [2, P]. */
export function pairRows(first: PromptRow, second: PromptRow): PromptRow {
  const tokens = stackRows(first.tokens, second.tokens);
  return first.pooled && second.pooled ? { tokens, pooled: stackRows(first.pooled, second.pooled) } : { tokens };
}
