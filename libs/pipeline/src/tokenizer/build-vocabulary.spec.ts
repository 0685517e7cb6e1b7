import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FACIAL_TOKEN, IMAGE_TOKEN, markPrompt } from '../diffusion/facial-markers.ts';
import { buildVocabulary } from './build-vocabulary.ts';
import { loadClipTokenizer, type ClipTokenizer } from './clip-tokenizer.ts';
import { clipVocabulary, splitIntoPieces, vocabularyFiles } from './vocabulary.ts';

const captions = [
  'A man wearing a red hat, in the snow.',
  'A woman wearing a red scarf, in the forest.',
  'a man wearing glasses in the snow',
  'The person has one face, one nose, two eyes, two ears, and one mouth.',
  'The person has one face, one nose, two eyes, two ears, and one mouth.',
];
const size = 600;
const vocabulary = buildVocabulary(captions, size);

let folder: string;
let tokenizer: ClipTokenizer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vocabulary-'));
  for (const [name, text] of Object.entries(vocabularyFiles(vocabulary))) await writeFile(join(folder, name), text);
  tokenizer = await loadClipTokenizer(folder, { cleaning: 'huggingface', addedTokens: [IMAGE_TOKEN, FACIAL_TOKEN] });
});
afterAll(() => rm(folder, { recursive: true }));

/** The pieces behind ids, as text; bytes outside ASCII stay as they are written. */
const textOf = (ids: readonly number[]) => {
  const pieces = new Map([...vocabulary.ids].map(([piece, id]) => [id, piece]));
  return ids.map((id) => pieces.get(id)!.replace('</w>', ' ')).join('');
};

describe('buildVocabulary', () => {
  it('merges what is frequent first', () => {
    expect(splitIntoPieces('wearing', vocabulary.ranks)).toEqual(['wearing</w>']);
    expect(splitIntoPieces('forest', vocabulary.ranks).length).toBeGreaterThan(1); // occurs once
    // the example of Sennrich et al., with the end of a word in its last letter
    const words = [
      ...Array<string>(5).fill('low'),
      'lower',
      'lower',
      ...Array<string>(6).fill('newest'),
      ...Array<string>(3).fill('widest'),
    ];
    expect([...buildVocabulary(words, 518).ranks.keys()]).toEqual(['e s', 'es t</w>', 'l o', 'e w']);
  });

  it("has the bytes, the merges, begin and end, in CLIP's order", () => {
    expect(vocabulary.ids.size).toBe(512 + vocabulary.ranks.size + 2);
    expect(vocabulary.ids.size).toBeLessThanOrEqual(size);
    for (const piece of ['!', 'a', 'a</w>', 'Ń</w>']) expect(vocabulary.ids.get(piece)).toBe(clipVocabulary().ids.get(piece));
    expect(buildVocabulary(captions, 520).ranks.size).toBe(6);
    expect([...buildVocabulary(captions, 520).ranks.keys()]).toEqual([...vocabulary.ranks.keys()].slice(0, 6));
    expect(buildVocabulary([], size).ids.size).toBe(514);
    expect(() => buildVocabulary(captions, 100)).toThrow('514 pieces or more, not 100');
  });

  it('is read by the tokenizer from its files, with its own ids for begin, end, padding and the marker', () => {
    const last = vocabulary.ids.size - 1;
    expect([tokenizer.beginId, tokenizer.endId, tokenizer.padId]).toEqual([last - 1, last, last]);
    expect([tokenizer.idOf(IMAGE_TOKEN), tokenizer.idOf(FACIAL_TOKEN)]).toEqual([last + 1, last + 2]);
    const ids = tokenizer.encodePadded('A man in the snow');
    expect(ids).toHaveLength(77);
    expect(ids.slice(0, 1)).toEqual([last - 1]);
    expect(ids.slice(-70).every((id) => id === last)).toBe(true);
  });

  it.each(['Zwölf Boxkämpfer jagen Viktor quer über Sylt', 'привет, мир', '你好 😀', 'x'.repeat(40)])(
    'has tokens for any text: %s',
    (text) => {
      const ids = tokenizer.encode(text).slice(1, -1);
      expect(ids.every((id) => id < vocabulary.ids.size - 2)).toBe(true); // no unknown, which would be the end token
      const bytes = (word: string) => splitIntoPieces(word, new Map()).join('').replace('</w>', ' ');
      const words = text.toLowerCase().match(/[\p{L}\p{M}]+|[^\s\p{L}]+/gu) ?? [];
      const spaced = words.flatMap((word) => (/[一-鿿]/u.test(word) ? [...word] : [word]));
      expect(textOf(ids)).toBe(spaced.map(bytes).join(''));
    },
  );

  it('leaves the markers out of what the encoder sees', () => {
    const regions = ['Face', 'Left_Eye', 'Left_Ear', 'Nose', 'Upper_Lip'] as const;
    const { cleanIds, positions } = markPrompt({ prompt: 'A man in the snow', variant: 'sd15', regions, tokenizer });
    expect(cleanIds).toHaveLength(77);
    expect(Math.max(...cleanIds)).toBe(vocabulary.ids.size - 1);
    const before = positions.map((at) => cleanIds[at]!);
    expect(before.map((id) => textOf([id]).trim())).toEqual(['face', 'ears', 'eyes', 'nose', 'mouth']);
  });
});
