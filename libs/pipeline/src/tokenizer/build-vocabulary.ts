/** A byte-pair vocabulary of one's own, for a text encoder that is trained on few words (Sennrich et al. 2016, with CLIP's bytes and words). */
import { cleaners } from './clean-text.ts';
import { WORD } from './clip-tokenizer.ts';
import { PipelineError } from '../errors.ts';
import { bytePieces, mergePair, vocabularyFromMerges, type Vocabulary } from './vocabulary.ts';

/** Every byte, every byte that ends a word, begin and end: with them any text has tokens. */
const LEAST = 2 * 256 + 2;

interface Word {
  pieces: string[];
  readonly count: number;
}

/**
 * The vocabulary of at most `size` pieces: the pair of neighbours that is most frequent in the captions is merged first, of equally frequent
 * ones the first in the alphabet, until the size is reached or no pair is left that occurs twice. Captions are cleaned as prompts are, so
 * whatever the pipeline itself says (the sentence about the face) belongs among them.
 * @throws PipelineError `invalid_argument` for a size below that of the bytes
 */
export function buildVocabulary(captions: Iterable<string>, size: number): Vocabulary {
  if (!(size >= LEAST)) throw new PipelineError('invalid_argument', `A vocabulary has ${LEAST} pieces or more, not ${size}.`, { size });
  let words = countWords(captions);
  const merges: string[] = [];
  while (merges.length < size - LEAST) {
    const pair = mostFrequentPair(words);
    if (pair === undefined) break;
    merges.push(pair);
    const [left, right] = pair.split(' ') as [string, string];
    words = words.map((word) => (word.pieces.includes(left) ? { ...word, pieces: mergePair(word.pieces, left, right) } : word));
  }
  return vocabularyFromMerges(merges);
}

function countWords(captions: Iterable<string>): Word[] {
  const pattern = new RegExp(WORD, 'gu');
  const counts = new Map<string, number>();
  for (const caption of captions)
    for (const word of cleaners['huggingface-ftfy'](caption).match(pattern) ?? []) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].map(([word, count]) => ({ pieces: bytePieces(word), count }));
}

function mostFrequentPair(words: readonly Word[]): string | undefined {
  const counts = new Map<string, number>();
  for (const { pieces, count } of words) {
    for (let i = 0; i + 1 < pieces.length; i++) {
      const pair = `${pieces[i]!} ${pieces[i + 1]!}`;
      counts.set(pair, (counts.get(pair) ?? 0) + count);
    }
  }
  let best: string | undefined;
  let most = 1;
  for (const [pair, count] of counts) {
    if (count > most || (count === most && best !== undefined && pair < best)) [best, most] = [pair, count];
  }
  return best;
}
