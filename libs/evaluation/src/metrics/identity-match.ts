/**
 * Whether pictures show the people whom they are of. It asks the same of a face, of facial regions and of recovered attributes: how alike
 * a picture is to its own subject, to all the others, and whether its own one comes first.
 */
import { mean } from './vectors.ts';

/** One picture: whom it is of, and how alike it is to every subject; null where the picture shows nothing to compare (no face). */
export interface Compared {
  readonly subject: number;
  readonly similarities: readonly number[] | null;
}

export interface IdentityMatch {
  /** Mean similarity of a picture to its own subject. */
  readonly same: number;
  /** Mean similarity to the others; NaN with one subject. */
  readonly other: number;
  /** same − other */
  readonly margin: number;
  /** How often the own subject is the most similar one, and among the five most similar; a tie is lost. */
  readonly rank1: number;
  readonly rank5: number;
  /** Part of the pictures that show something to compare. */
  readonly found: number;
}

/**
 * A similarity counts as 0 where it is negative or where there is nothing to compare (FastComposer's evaluation code, whose FaceSim it
 * is), and a picture that shows nothing is recognised as nobody.
 */
export function identityMatch(pictures: readonly Compared[]): IdentityMatch {
  const same = mean(pictures.map((picture) => similarityTo(picture, picture.subject)));
  const other = mean(pictures.flatMap((picture) => others(picture).map((k) => similarityTo(picture, k))));
  const within = (rank: number) => mean(pictures.map((picture) => Number(rankOf(picture) <= rank)));
  return {
    same,
    other,
    margin: same - other,
    rank1: within(1),
    rank5: within(5),
    found: mean(pictures.map(({ similarities }) => Number(similarities !== null))),
  };
}

export const similarityTo = ({ similarities }: Compared, subject: number): number => Math.max(0, similarities?.[subject] ?? 0);

const others = ({ subject, similarities }: Compared): number[] => [...(similarities ?? []).keys()].filter((k) => k !== subject);

/** 1 where nobody is as similar as the own subject; infinite for a picture that shows nothing. */
function rankOf({ subject, similarities }: Compared): number {
  if (!similarities) return Infinity;
  return 1 + similarities.filter((x, k) => k !== subject && x >= similarities[subject]!).length;
}
