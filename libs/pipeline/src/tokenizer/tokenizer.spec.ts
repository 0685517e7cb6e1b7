import { describe, expect, it } from 'vitest';
import { cleaners } from './clean-text.ts';
import { ClipTokenizer } from './clip-tokenizer.ts';
import { fixText } from './fix-text.ts';
import { unescapeHtml, unescapeHtmlStrictly } from './html-entities.ts';
import { clipVocabulary } from './vocabulary.ts';

const sd15 = new ClipTokenizer({ cleaning: 'huggingface', addedTokens: ['<|image|>', '<|facial|>'] });
const sdxl2 = new ClipTokenizer({ cleaning: 'huggingface', padToken: '!' });
const openClip = new ClipTokenizer({ cleaning: 'ftfy' });

/** Ids between begin and end. */
const inner = (tokenizer: ClipTokenizer, text: string) => tokenizer.encode(text).slice(1, -1);

describe('ClipTokenizer', () => {
  it('has the 49,408 pieces of CLIP', () => {
    expect(clipVocabulary().ids.size).toBe(49_408);
    expect([sd15.beginId, sd15.endId, sd15.padId, sd15.idOf('<|facial|>')]).toEqual([49406, 49407, 49407, 49409]);
  });

  it('makes the ids that CLIP knows', () => {
    expect(sd15.encode('A man wearing a santa hat')).toEqual([49406, 320, 786, 3309, 320, 4555, 3801, 49407]);
    expect(inner(sd15, 'hatDetail:The')).toEqual([3447, 7657, 281, 518]);
    expect(inner(openClip, 'word <end_of_text>')).toEqual([2653, 49407]);
  });

  it('passes over U+0345, which is a letter to half of CLIP’s pattern', () => {
    expect(inner(sd15, 'a\u0345b \u0345!')).toEqual([320, 321, 256]);
  });

  it('finds special tokens exactly as written, and the end token again after lower-casing', () => {
    expect(inner(sd15, 'x<|facial|>y')).toEqual([343, 49409, 344]);
    expect(inner(sd15, '<|FACIAL|>')).toEqual([27, 347, 11909, 91, 285]);
    expect(inner(sd15, '<|ENDOFTEXT|>')).toEqual([49407]);
  });

  it('reads every "!" as the pad token where that is what pads', () => {
    expect(inner(sdxl2, '!!!')).toEqual([0, 0, 0]);
    expect(inner(sd15, '!')).toEqual([256]);
    expect(sdxl2.encodePadded('a').slice(-2)).toEqual([0, 0]);
  });

  it('cuts at 77 with the end token kept, and fills up to 77', () => {
    const long = sd15.encodePadded('word '.repeat(100));
    expect([long.length, long[75], long[76]]).toEqual([77, 2653, 49407]);
    expect(openClip.encodePadded('a')).toEqual([49406, 320, 49407, ...new Array<number>(74).fill(0)]);
  });
});

describe('cleaning', () => {
  it('huggingface: drops category C, splits ideographs, keeps quotes', () => {
    expect(cleaners.huggingface('Zero\u200bWidth\u200d \u0000nul \ufffd\ue000')).toBe('zerowidth nul');
    expect(cleaners.huggingface('a中b')).toBe('a 中 b');
    expect(cleaners.huggingface('cafe\u0301\u00a0“q”\u2028x')).toBe('café “q” x');
    expect(cleaners.huggingface('ΟΔΟΣ ΣΑΣ')).toBe('οδος σας');
  });

  it('ftfy: straightens, widens, unescapes', () => {
    expect(cleaners.ftfy('“Curly” it’s ﬁne ＡＢＣ　x')).toBe('"curly" it\'s fine abc x');
    expect(cleaners.ftfy('&amp;amp; &eacute; &#x1F600;')).toBe('& é 😀');
    expect(cleaners['huggingface-ftfy']('“Café” &amp  x')).toBe('"café" &amp x');
  });

  it('ftfy: leaves references alone once there is markup', () => {
    expect(fixText('&lt;a&gt;\n<b> &lt;\n&gt;')).toBe('<a>\n<b> &lt;\n&gt;');
  });

  it('ftfy: repairs UTF-8 read as Windows-1252, and lets honest text be', () => {
    expect(fixText('schÃ¶n itâ€™s ðŸ˜€ \x1b[31mred\x1b[0m')).toBe("schön it's 😀 red");
    expect(fixText('l’humanitÃ©')).toBe("l'humanité");
    for (const honest of ['CAFÉ… Spaß” é »', 'São Paulo', 'naïve', 'Ä Ö Ü', '50 °C ½ ²']) {
      expect(fixText(honest)).toBe(honest.replaceAll('”', '"'));
    }
  });

  /** Made with ftfy 6.3.1: nine encodings, lost bytes and spaces, decoded twice, and sound text beside damaged. */
  it.each([
    ['\u0420\u0457\u0421\u0402\u0420\u0451\u0420\u0406\u0420\u00b5\u0421\u201a \u0420\u0458\u0420\u0451\u0421\u0402', 'привет мир'],
    ['\u0139\u0081\u0102\u0142d\u0139\u015f', 'Łódź'],
    ['\u039e\u00b5\u039e\u00bb\u039e\u00bb\u039e\u00b7\u039e\u00bd\u039e\u0389\u039e\u038a\u039e\u00ac', 'ελληνικά'],
    ['T\u00c3\u00bcrk\u00c3\u00a7e', 'Türkçe'],
    ['\u0101\u20ac\u009cquote\u0101\u20ac\u00af', '"quote"'],
    ['\u00c4\u008de\u0139\u0104tina', 'čeština'],
    ['caf\u221a\u00a9 \u201a\u00c4\u00ec cr\u221a\u00aeme', 'café – crème'],
    ['\u251c\u00e1 la carte', 'à la carte'],
    ['\u00e4\u00bd\u00a0\u00e5\u00a5\u00bd', '你好'],
    ['voil\u00c3  le travail', 'voilà le travail'],
    ['\u00e2\u20ac\u0153 like this \u00e2\u20ac\ufffd', '" like this �'],
    ['\u00c3\u0082\u00c2\u00a9', '©'],
    ['caf\u00c3\u0083\u00c2\u00a9', 'café'],
    ['\u00c5\u00b2', 'Ų'],
    ['l\u2019humanit\u00c3\u00a9 et it\u00e2\u20ac\u2122s', "l'humanité et it's"],
  ])('ftfy: %j becomes %j', (damaged, fixed) => expect(fixText(damaged)).toBe(fixed));

  it('unescapes as Python does', () => {
    expect(unescapeHtml('&notit; &#128; &#0; &#xD800; &#1; &unknown; &amp')).toBe('¬it; € \ufffd \ufffd  &unknown; &');
    expect(unescapeHtmlStrictly('&EACUTE; &SZLIG; &amp &nTILDE; &notin;')).toBe('É SS &amp &nTILDE; ∉');
  });
});
