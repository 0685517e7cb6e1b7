/** CLIP's byte-pair vocabulary: which pieces exist, what their ids are, which pair is merged first. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { PipelineError } from '../errors.ts';

export const BEGIN_TOKEN = '<|startoftext|>';
export const END_TOKEN = '<|endoftext|>';

/** Marks the last piece of a word. */
const END_OF_WORD = '</w>';

export interface Vocabulary {
  readonly ids: ReadonlyMap<string, number>;
  /** "left right" → rank; the lowest rank is merged first. */
  readonly ranks: ReadonlyMap<string, number>;
}

/** Every byte as a printable character: itself where it is one, else from U+0100 on. In the order of the first 256 token ids. */
const printable = ((): { byte: number; char: string }[] => {
  const isPrintable = (b: number) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  const bytes = Array.from({ length: 256 }, (_, b) => b);
  const hidden = bytes.filter((b) => !isPrintable(b));
  return [
    ...bytes.filter(isPrintable).map((byte) => ({ byte, char: String.fromCharCode(byte) })),
    ...hidden.map((byte, i) => ({ byte, char: String.fromCharCode(256 + i) })),
  ];
})();

const charOfByte: string[] = [];
for (const { byte, char } of printable) charOfByte[byte] = char;

/** The lines of `merges.txt` after its version line. */
const mergeLines = (text: string) =>
  text
    .split('\n')
    .slice(1)
    .filter((line) => line.trim() !== '');

const rank = (merges: readonly string[]) => new Map(merges.map((pair, i) => [pair, i]));

/** Ids in CLIP's own order: 256 bytes, the same ending a word, the merges, begin and end. */
export function vocabularyFromMerges(merges: readonly string[]): Vocabulary {
  const chars = printable.map(({ char }) => char);
  const pieces = [
    ...chars,
    ...chars.map((char) => char + END_OF_WORD),
    ...merges.map((pair) => pair.replace(' ', '')),
    BEGIN_TOKEN,
    END_TOKEN,
  ];
  return { ids: new Map(pieces.map((piece, id) => [piece, id])), ranks: rank(merges) };
}

let own: Vocabulary | undefined;

/** The vocabulary every published CLIP text encoder uses (49,408 pieces); read at first use, about 50 ms. */
export function clipVocabulary(): Vocabulary {
  own ??= vocabularyFromMerges(
    mergeLines(gunzipSync(readFileSync(new URL('../../assets/clip-merges.txt.gz', import.meta.url))).toString('utf8')),
  );
  return own;
}

/** A model set's own `vocab.json` (parsed) and `merges.txt`. */
export function parseVocabulary(vocab: unknown, mergesTxt: string): Vocabulary {
  const ids = new Map<string, number>();
  for (const [piece, id] of Object.entries(vocab as Record<string, unknown>)) {
    if (!Number.isInteger(id))
      throw new PipelineError('model_unusable', `vocab.json: the id of "${piece}" is ${JSON.stringify(id)}, not a whole number.`);
    ids.set(piece, id as number);
  }
  for (const token of [BEGIN_TOKEN, END_TOKEN]) {
    if (!ids.has(token)) throw new PipelineError('model_unusable', `vocab.json has no entry "${token}".`);
  }
  return { ids, ranks: rank(mergeLines(mergesTxt)) };
}

/** The two files of a vocabulary, as transformers reads them. */
export const vocabularyFiles = ({ ids, ranks }: Vocabulary): Readonly<Record<'vocab.json' | 'merges.txt', string>> => ({
  'vocab.json': `${JSON.stringify(Object.fromEntries(ids))}\n`,
  'merges.txt': `#version: 0.2\n${[...ranks.keys()].join('\n')}\n`,
});

const utf8 = new TextEncoder();

/** The bytes of a word as pieces, the last one marked. */
export function bytePieces(word: string): string[] {
  const pieces = Array.from(utf8.encode(word), (byte) => charOfByte[byte]!);
  pieces.push(pieces.pop()! + END_OF_WORD);
  return pieces;
}

/** One word → its pieces: as bytes, then the pair of lowest rank merged until none is left. */
export function splitIntoPieces(word: string, ranks: Vocabulary['ranks']): string[] {
  let pieces = bytePieces(word);
  while (pieces.length > 1) {
    let best = Infinity;
    let [left, right] = ['', ''];
    for (let i = 0; i + 1 < pieces.length; i++) {
      const found = ranks.get(`${pieces[i]!} ${pieces[i + 1]!}`);
      if (found !== undefined && found < best) [best, left, right] = [found, pieces[i]!, pieces[i + 1]!];
    }
    if (best === Infinity) break;
    pieces = mergePair(pieces, left, right);
  }
  return pieces;
}

/** Every `left` that a `right` follows becomes one piece with it. */
export function mergePair(pieces: readonly string[], left: string, right: string): string[] {
  const merged: string[] = [];
  for (let i = 0; i < pieces.length; i++) {
    if (pieces[i] === left && pieces[i + 1] === right) merged.push(left + pieces[++i]!);
    else merged.push(pieces[i]!);
  }
  return merged;
}
