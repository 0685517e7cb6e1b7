/**
 * Text that was damaged on its way, put right: the rules of ftfy (6.3.1) that matter for prompts.
 *
 * Of ftfy's repair of text decoded with a wrong encoding, the by far commonest case is here: UTF-8 that was read as Latin-1 or
 * Windows-1252 ("schÃ¶n", "itâ€™s"). ftfy also tries eight rarer encodings.
 */
import { unescapeHtmlStrictly, windows1252 } from './html-entities.ts';

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
    text = repairMojibake(text);
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
  (text) => text.replace(/[\x80-\x9f]/g, (c1) => windows1252[c1.charCodeAt(0) - 0x80]!),
  (text) => text.replace(/[ĲĳŉǄ-ǌǱ-ǳﬀ-ﬆ]/g, (one) => ligatures[one]!),
  (text) => text.replace(/[\uff01-\uffef]/g, (wide) => wide.normalize('NFKC')).replaceAll('\u3000', ' '),
  (text) => text.replace(/[\u201c-\u201f]/g, '"').replace(/[\u02bc\u2018-\u201b]/g, "'"),
  (text) => text.replace(/\r\n|[\r\u2028\u2029\x85]/g, '\n'),
  (text) => text.toWellFormed(), // a lone surrogate becomes U+FFFD
  (text) => text.replace(TERMINAL_COLOUR, ''),
  (text) => text.replace(/(?![\t\n\f\r\x80-\x9f])[\p{Cc}\u206a-\u206f\ufeff\ufff9-\ufffc]/gu, ''),
];

/** Character → the byte it stands for in Latin-1 or Windows-1252, from 80 on. */
const byteOf = new Map<string, number>();
for (let byte = 0x80; byte < 0x100; byte++) byteOf.set(String.fromCharCode(byte), byte);
for (let i = 0; i < windows1252.length; i++) byteOf.set(windows1252[i]!, 0x80 + i);

const charsOf = (from: number, to: number) =>
  [...byteOf]
    .filter(([, byte]) => byte >= from && byte <= to)
    .map(([char]) => char)
    .join('');
const lead2 = charsOf(0xc2, 0xdf);
const lead3 = charsOf(0xe0, 0xef);
const lead4 = charsOf(0xf0, 0xf4);
const tail = charsOf(0x80, 0xbf);
/** One or more UTF-8 sequences, each byte shown as a character. */
const RUN = new RegExp(`(?:[${lead2}][${tail}]|[${lead3}][${tail}]{2}|[${lead4}][${tail}]{3})+`, 'gu');

/** Signs that follow a letter in honest text: "CAFÉ…", "Spaß”", "é »". */
const HONEST = new RegExp(`^[${lead2}${lead3}${lead4}\\xa0\\xab\\xad\\xae\\xb0\\xb2\\xb3\\xb4\\xb7\\xb9\\xbb‘’“”•…–—™›]+$`, 'u');
/** Letters after which even those betray a wrong encoding. */
const TELLTALE = /[ÂÃÎÐ]/;

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** "schÃ¶n" → "schön". A run that could be meant, or is no UTF-8, stays. */
function repairMojibake(text: string): string {
  return text.replace(RUN, (run) => {
    if (HONEST.test(run) && !TELLTALE.test(run)) return run;
    try {
      return strictUtf8.decode(Uint8Array.from(run, (char) => byteOf.get(char)!));
    } catch {
      return run; // overlong or beyond Unicode: no UTF-8
    }
  });
}
