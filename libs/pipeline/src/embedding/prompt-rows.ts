/** The rows that steer the denoising, and the file in which they travel from stage 2 to stage 3. */
import { readTensors, stackRows, tensorOf, writeTensors, type FloatTensor } from '../safetensors.ts';

export interface PromptRow {
  /** 77 text tokens and 4 identity tokens, [1, 81, C]. */
  readonly tokens: FloatTensor;
  /** SDXL: the text as one vector, [1, P]. */
  readonly pooled?: FloatTensor;
}

const names = ['null', 'text', 'augmented'] as const;

/**
 * `null` is without prompt and person and the same in both phases; `text` serves the first phase; in `augmented`, for the second,
 * the fine-grained features are fused into the marked tokens.
 */
export type PromptRows = Readonly<Record<(typeof names)[number], PromptRow>>;

export function writePromptRows(rows: PromptRows): Uint8Array {
  const tokens = names.map((name) => [name, rows[name].tokens] as const);
  const pooled = names.flatMap((name) => (rows[name].pooled ? [[`pooled.${name}`, rows[name].pooled] as const] : []));
  return writeTensors(Object.fromEntries([...tokens, ...pooled]));
}

/** @throws PipelineError `invalid_argument` for bytes that `writePromptRows` did not write */
export function readPromptRows(file: Uint8Array): PromptRows {
  const tensors = readTensors(file);
  const row = (name: string): PromptRow => {
    const pooled = tensors[`pooled.${name}`];
    return { tokens: tensorOf(tensors, name), ...(pooled && { pooled }) };
  };
  return { null: row('null'), text: row('text'), augmented: row('augmented') };
}

/** Two rows under one another: [2, 81, C] and [2, P]. */
export function pairRows(first: PromptRow, second: PromptRow): PromptRow {
  const tokens = stackRows(first.tokens, second.tokens);
  return first.pooled && second.pooled ? { tokens, pooled: stackRows(first.pooled, second.pooled) } : { tokens };
}
