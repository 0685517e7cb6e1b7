/** Zero-shot classification: the text whose embedding has the smallest angle to the picture's. */
import { cosine } from './vectors.ts';

/** The index of the likeliest text, the first on ties. */
export function likeliest(picture: ArrayLike<number>, texts: readonly ArrayLike<number>[]): number {
  const scores = texts.map((text) => cosine(picture, text));
  return scores.indexOf(Math.max(...scores));
}
