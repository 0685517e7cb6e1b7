/**
 * Text that was damaged on its way, put right, as ftfy 6.3.1 does it.
 */
import { unescapeHtmlStrictly } from './html-entities.ts';
import { fixEncoding } from './mojibake.ts';

/** Line by line, each until nothing changes. References like `&amp;` are left alone from the first line on that has a `<`. */
export function fixText(text: string): string {
  let isMarkup = false;
  return text
    .split(/(?<=\n)/)
    .map((line) => {
      isMarkup ||= line.includes('<');
      return fixLine(line, isMarkup);
    })
    .join('');
}

function fixLine(line: string, isMarkup: boolean): string {
  for (let text = line; ;) {
    const before = text;
    if (!isMarkup) text = unescapeHtmlStrictly(text);
    text = fixEncoding(text);
    for (const fix of fixes) text = fix(text);
    text = text.normalize('NFC');
    if (text === before) return text;
  }
}

/** Single characters made of Latin letters: legacy digraphs and typographic ligatures. */
const ligatures: Record<string, string> = {
  ...{
    Ĳ: 'IJ',
    ĳ: 'ij',
    ŉ: 'ʼn',
    Ǳ: 'DZ',
    ǲ: 'Dz',
    ǳ: 'dz',
    Ǆ: 'DŽ',
    ǅ: 'Dž',
    ǆ: 'dž',
    Ǉ: 'LJ',
    ǈ: 'Lj',
    ǉ: 'lj',
    Ǌ: 'NJ',
    ǋ: 'Nj',
    ǌ: 'nj',
  },
  ...{ ﬀ: 'ff', ﬁ: 'fi', ﬂ: 'fl', ﬃ: 'ffi', ﬄ: 'ffl', ﬅ: 'ſt', ﬆ: 'st' },
};

const TERMINAL_COLOUR = new RegExp(`${'\x1b'}\\[[\\d;]*[a-zA-Z]`, 'g');

const fixes: readonly ((text: string) => string)[] = [
  (text) => text.replace(/[ĲĳŉǄ-ǌǱ-ǳﬀ-ﬆ]/g, (one) => ligatures[one]!),
  (text) => text.replace(/[\uff01-\uffef]/g, (wide) => wide.normalize('NFKC')).replaceAll('\u3000', ' '),
  (text) => text.replace(/[\u201c-\u201f]/g, '"').replace(/[\u02bc\u2018-\u201b]/g, "'"),
  (text) => text.replace(/\r\n|[\r\u2028\u2029\x85]/g, '\n'),
  (text) => text.toWellFormed(), // a lone surrogate becomes U+FFFD
  (text) => text.replace(TERMINAL_COLOUR, ''),
  (text) => text.replace(/(?![\t\n\f\r\x80-\x9f])[\p{Cc}\u206a-\u206f\ufeff\ufff9-\ufffc]/gu, ''),
];
