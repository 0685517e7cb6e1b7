/**
 * Text that was decoded with a wrong encoding ("schÃ¶n", "itâ€™s"), put right: a port of ftfy 6.3.1 (`fix_encoding`, `badness.py`,
 * `chardata.py`, `bad_codecs`; Robyn Speer, Apache-2.0). Bytes are strings of the characters 0–255 here, so that they can be searched.
 */
import { windows1252 } from './html-entities.ts';

/** The some 400 characters that occur in UTF-8 shown in other encodings, by what they are usually used for. */
const kinds = {
  common: String.raw`\xa0\xad´·\u2013-\u2015\u2019\u2026`,
  c1: String.raw`\x80-\x9f`,
  bad: String.raw`¤¦¨ª¬¯¸ºƒˆˇ˘˛˜\u2020\u2021\u2030⌐◊\ufffd`,
  law: String.raw`§¶`,
  currency: String.raw`¢£¥₧€`,
  start_punctuation: String.raw`¡©«¿΄΅\u2018\u201a\u201c\u201e\u2022\u2039\uf8ff`,
  end_punctuation: String.raw`®»˝\u201d\u203a™`,
  numeric: String.raw`±-³µ¹¼-¾×÷\u2044№∂∆∏∑√∞∩∫≈≠≡≤≥`,
  kaomoji: String.raw`°Ò-ÖÙ-Üò-öø-üŌŐŪŲ`,
  upper_accented: String.raw`À-ÑØÜÝĀĂĄĆČĎĐĒĖĘĚĞĢĪİĶĹĻĽŁŃŅŇŒŘŚŞŠŢŤŮŰŸŹŻŽҐ`,
  lower_accented: String.raw`ß-ñüāăąćčďđēėęěğģīįķĺļľłœŕśşšťźżžґ\ufb01\ufb02`,
  upper_common: String.raw`ÞΆΈ-ΊΌΎΏΑ-ΫЁ-Я`,
  lower_common: String.raw`ά-ωа-џ`,
  box: String.raw`│┌┐┘├┤┬┼═-╬▀▄█▌▐-▓`,
};
const { bad, law, currency, numeric, box, kaomoji } = kinds;
const [start, end] = [kinds.start_punctuation, kinds.end_punctuation];
const [upper, lower] = [kinds.upper_accented, kinds.lower_accented];

/** Neighbours that nobody would write. Each line is one of ftfy's rules, in its order. */
const UNLIKELY = new RegExp(
  [
    `[${kinds.c1}]`,
    `[${bad}${lower}${upper}${box}${start}${end}${currency}${numeric}${law}][${bad}]`,
    `[a-zA-Z][${kinds.lower_common}${kinds.upper_common}][${bad}]`,
    `[${bad}][${lower}${upper}${box}${start}${end}${currency}${numeric}${law}]`,
    `[${lower}${kinds.lower_common}${box}${end}${currency}${numeric}][${upper}]`,
    `[${box}${end}${currency}${numeric}][${lower}]`,
    `[${lower}${box}${end}][${currency}]`,
    `\\s[${upper}][${currency}]`,
    `[${upper}${box}][${numeric}${law}]`,
    `[${lower}${upper}${box}${currency}${end}][${start}][${numeric}]`,
    `[${lower}${upper}${currency}${numeric}${box}${law}][${end}][${start}]`,
    `[${currency}${numeric}${box}][${start}]`,
    `[a-z][${upper}][${start}${currency}]`,
    `[${box}][${kaomoji}]`,
    `[${lower}${upper}${currency}${numeric}${start}${end}${law}][${box}]`,
    `[${box}][${end}]`,
    `[${lower}${upper}][${start}${end}][\\p{L}\\p{N}_]`,
    `[Œœ][^A-Za-z]`,
    `[${upper}]°`,
    `[ÂÃÎÐ][€œŠš¢£Ÿž\\xa0\\xad®©°·»${start}${end}–—´]`,
    `×[²³]`,
    `[ØÙ][${kinds.common}${currency}${bad}${numeric}${start}ŸŠ®°µ»][ØÙ][${kinds.common}${currency}${bad}${numeric}${start}ŸŠ®°µ»]`,
    `à[²µ¹¼½¾]`,
    `√[±∂†≠®™´≤≥¥µø]`,
    `≈[°¢]`,
    `‚Ä[ìîïòôúùû†°¢π]`,
    `‚[âó][àä°ê]`,
    `вЂ`,
    `[ВГРС][${kinds.c1}${bad}${start}${end}${currency}°µ][ВГРС]`,
    `ГўВЂВ.[A-Za-z ]`,
    `Ã[\\xa0¡]`,
    `[a-z]\\s?[ÃÂ] `,
    `^[ÃÂ] `,
    `[a-z.,?!${end}]Â[ ${start}${end}]`,
    `β€[™\\xa0Ά\\xad®°]`,
    `[ΒΓΞΟ][${kinds.c1}${bad}${start}${end}${currency}°][ΒΓΞΟ]`,
    `ā€`,
  ].join('|'),
  'u',
);

/** Characters that lead and continue a UTF-8 sequence in one of the encodings. */
const clues = {
  of2: String.raw`Â-ßĀĂĆČĎĐĒĖĘĚĞĢĪİĶĹĻŁŃŅŇŌŐŘŚŞŠŢŪŮŰŲŹŻŽΒ-ΡΣ-ίВ-Я`,
  of3: String.raw`à-ïāăąćčďēėęěģīįķĺļŕźΰ-οа-п`,
  of4: String.raw`ðóđğšπσру`,
  tail: String.raw` \x80-¿ÆØæøĄąĽľŁłŒœŖŗŚśŞ-šŤťŸ-žƒˆˇ˘˛-˝΄-ΆΈ-ΊΌΎΏЁ-ЌЎЏё-ќўџҐґ\u2013-\u2015\u2018-\u201a\u201c-\u201e\u2020-\u2022\u2026\u2030\u2039\u203a€№™`,
  strict: String.raw`\x80-¿ÆØæøĄąĽľŁłŒœŖŗŚśŞ-šŤťŸ-žƒˆˇ˘˛-˝΄-ΆΈ-ΊΌΎΏЁ-ЌЎЏё-ќўџҐґ\u2020\u2021\u2030\u2039\u203a€№™`,
};
/** One or more such sequences within text that is otherwise sound. */
const EMBEDDED = new RegExp(
  `(?<![${clues.strict}])(?:[${clues.of2}][${clues.tail}]|[${clues.of3}][${clues.tail}]{2}|[${clues.of4}][${clues.tail}]{3})+`,
  'gu',
);

/** Bytes 80–FF of the old PC. */
const cp437 =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐' +
  '└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\xa0';

interface Encoding {
  /** Character → byte, from 80 on; where the encoding is sloppy also U+FFFD, which stands for a byte that was lost. */
  readonly bytes: ReadonlyMap<string, number>;
  readonly isSloppy: boolean;
  readonly isMac: boolean;
}

/** In the order in which they are tried. A sloppy one passes the bytes it has no character for. */
const encodings: readonly Encoding[] = [
  define((byte) => String.fromCharCode(byte)),
  ...['windows-1252', 'windows-1251', 'windows-1250', 'windows-1253', 'windows-1254', 'windows-1257'].map((name) => define(decoderOf(name), { isSloppy: true })), // prettier-ignore
  define(decoderOf('iso-8859-2')),
  define(decoderOf('macintosh'), { isMac: true }),
  define((byte) => cp437[byte - 0x80]!),
];

function define(charOf: (byte: number) => string, { isSloppy = false, isMac = false } = {}): Encoding {
  const bytes = new Map<string, number>();
  for (let byte = 0x80; byte < 0x100; byte++) bytes.set(charOf(byte), byte);
  if (isSloppy) bytes.set('\ufffd', 0x1a);
  return { bytes, isSloppy, isMac };
}

function decoderOf(name: string): (byte: number) => string {
  const decoder = new TextDecoder(name);
  return (byte) => {
    const char = decoder.decode(Uint8Array.of(byte));
    return char === '\ufffd' ? String.fromCharCode(byte) : char;
  };
}

/** "schÃ¶n" → "schön", as often as it was decoded wrongly. Text that could be meant stays. */
export function fixEncoding(text: string): string {
  for (let fixed = text; ;) {
    const before = fixed;
    fixed = fixOnce(fixed);
    if (fixed === before) return fixed;
  }
}

function fixOnce(text: string): string {
  if (!UNLIKELY.test(text)) return text;
  for (const encoding of encodings) {
    const bytes = encode(text, encoding);
    const decoded = bytes === undefined ? undefined : decode(mended(bytes, encoding));
    if (decoded !== undefined) return decoded;
  }
  const fixed = text.replace(EMBEDDED, (part) => (part.length < text.length && UNLIKELY.test(part) ? fixEncoding(part) : part));
  return fixed === text ? fixC1(text) : fixed;
}

/** C1 control characters are Windows-1252's signs, as in browsers. */
const fixC1 = (text: string) => text.replace(/[\x80-\x9f]/g, (c1) => windows1252[c1.charCodeAt(0) - 0x80]!);

function encode(text: string, { bytes, isSloppy }: Encoding): string | undefined {
  let encoded = '';
  for (const char of text) {
    const code = char.codePointAt(0)!;
    const byte = code < 0x80 && !(isSloppy && code === 0x1a) ? code : bytes.get(char);
    if (byte === undefined) return undefined;
    encoded += String.fromCharCode(byte);
  }
  return encoded;
}

/** UTF-8 in which the byte A0 has become a space. */
const ALTERED =
  /[\xc2\xc3\xc5\xce\xd0\xd9] |[\xe2\xe3] [\x80-\x84\x86-\x9f\xa1-\xbf]|[\xe0-\xe3][\x80-\x84\x86-\x9f\xa1-\xbf] |\xf0 [\x80-\xbf]{2}|\xf0[\x80-\xbf] [\x80-\xbf]|\xf0[\x80-\xbf]{2} /g;
/** "voilÃ le": the word à, whose space has gone into it. */
const A_GRAVE = /\xc3 (?! |quele|quela|quilo|s )/g;
/** UTF-8 of which bytes are lost (1A, at most one of them as "?"). */
const LOSSY = new RegExp(
  [
    '[\xc2-\xdf]\x1a',
    '[\xc2\xc3]\\?',
    '\xed[\xa0-\xaf][\x1a?]\xed[\xb0-\xbf][\x1a?\x80-\xbf]',
    '\xed[\xa0-\xaf][\x1a?\x80-\xbf]\xed[\xb0-\xbf][\x1a?]',
    '[\xe0-\xef][\x1a?][\x1a\x80-\xbf]',
    '[\xe0-\xef][\x1a\x80-\xbf][\x1a?]',
    '[\xf0-\xf4][\x1a?][\x1a\x80-\xbf][\x1a\x80-\xbf]',
    '[\xf0-\xf4][\x1a\x80-\xbf][\x1a?][\x1a\x80-\xbf]',
    '[\xf0-\xf4][\x1a\x80-\xbf][\x1a\x80-\xbf][\x1a?]',
    '\x1a',
  ].join('|'),
  'g',
);

function mended(bytes: string, { isSloppy, isMac }: Encoding): string {
  // in Mac Roman it would be an en dash and a space
  if (!isMac && bytes.search(ALTERED) >= 0)
    bytes = bytes.replace(A_GRAVE, '\xc3\xa0 ').replace(ALTERED, (sequence) => sequence.replaceAll(' ', '\xa0'));
  return isSloppy ? bytes.replace(LOSSY, '\xef\xbf\xbd') : bytes;
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** As UTF-8, or the variants of it in which a character beyond U+FFFF is two surrogates (CESU-8) and U+0000 is C0 80. Undefined: it is neither. */
function decode(bytes: string): string | undefined {
  const plain = bytes
    .replaceAll('\xc0\x80', '\0')
    .replace(/\xed([\xa0-\xaf])([\x80-\xbf])\xed([\xb0-\xbf])([\x80-\xbf])/g, (...found: string[]) => {
      const [a, b, c, d] = found.slice(1, 5).map((char) => char.charCodeAt(0) & 0x3f) as [number, number, number, number];
      const code = 0x10000 + ((a & 0x0f) << 16) + (b << 10) + ((c & 0x0f) << 6) + d;
      return Buffer.from(String.fromCodePoint(code), 'utf8').toString('latin1');
    });
  try {
    return strictUtf8.decode(Buffer.from(plain, 'latin1'));
  } catch {
    return undefined;
  }
}
