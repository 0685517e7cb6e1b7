/** What happens to a prompt before it is split into words. Which of the three a model saw depends on the library that fed it. */
import { fixText } from './fix-text.ts';
import { unescapeHtml } from './html-entities.ts';

/**
 * - `huggingface`: transformers' CLIPTokenizer without ftfy installed
 * - `huggingface-ftfy`: the same with ftfy, as in ConsistentID's requirements
 * - `ftfy`: open_clip's SimpleTokenizer
 */
export type Cleaning = 'huggingface' | 'huggingface-ftfy' | 'ftfy';

export const cleaners: Record<Cleaning, (text: string) => string> = {
  huggingface: cleanLikeBert,
  'huggingface-ftfy': (text) => collapseSpaces(fixText(text)).toLowerCase(),
  ftfy: (text) => collapseSpaces(unescapeHtml(unescapeHtml(fixText(text)))).toLowerCase(),
};

/** Dropped: U+0000, U+FFFD and category C but for tab, newline and return. */
const DROPPED = /(?![\t\n\r])[\p{C}\ufffd]/gu;
const BECOMES_SPACE = /[\t\n\r\p{Zs}]/gu;

/** The eight blocks that BERT calls Chinese; every such character is a word of its own. */
const IDEOGRAPH =
  /[\u{4e00}-\u{9fff}\u{3400}-\u{4dbf}\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b820}-\u{2ceaf}\u{f900}-\u{faff}\u{2f800}-\u{2fa1f}]/gu;

/** Python's `str.split`; the control characters that it splits at as well are gone by then. */
const words = (text: string) => text.split(/\p{White_Space}+/u).filter((word) => word !== '');

/** transformers' BasicTokenizer with accents and punctuation kept. */
function cleanLikeBert(text: string): string {
  const spaced = text.replace(DROPPED, '').replace(BECOMES_SPACE, ' ').replace(IDEOGRAPH, ' $& ').normalize('NFC');
  const lower = words(spaced).map((word) => word.toLowerCase()); // word by word: a final sigma depends on its neighbours
  return words(lower.join(' ')).join(' ');
}

const collapseSpaces = (text: string) => words(text).join(' ');
