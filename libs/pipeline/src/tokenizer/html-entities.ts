/** HTML character references → characters, as Python's `html.unescape` (HTML Living Standard, 13.2.5.80) and ftfy read them. */
import { readFileSync } from 'node:fs';

let table: Map<string, string> | undefined;

/** Name (with `;`, or without where the standard allows that) → characters. */
function names(): Map<string, string> {
  table ??= new Map(
    Object.entries(JSON.parse(readFileSync(new URL('../../assets/html-entities.json', import.meta.url), 'utf8')) as Record<string, string>),
  );
  return table;
}

/** Bytes 80–9F as Windows-1252 has them; the five it leaves out stay control characters. */
export const windows1252 = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

const REFERENCE = /&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)/gu;

/** All references, also numeric ones and those that may lack their semicolon (`&amp`, `&notit;`). */
export function unescapeHtml(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(REFERENCE, (whole, body: string) => {
    if (body.startsWith('#')) return numeric(body);
    const known = names().get(body);
    if (known !== undefined) return known;
    const chars = Array.from(body);
    for (let n = chars.length - 1; n > 1; n--) {
      const prefix = names().get(chars.slice(0, n).join(''));
      if (prefix !== undefined) return prefix + chars.slice(n).join('');
    }
    return whole;
  });
}

function numeric(body: string): string {
  const digits = body.slice(1).replace(';', '');
  const code = /^x/i.test(digits) ? Number.parseInt(digits.slice(1), 16) : Number.parseInt(digits, 10);
  if (code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return '\ufffd';
  if (code >= 0x80 && code <= 0x9f) return windows1252[code - 0x80]!;
  const forbidden =
    (code < 0x20 && ![0x09, 0x0a, 0x0c, 0x0d].includes(code)) ||
    code === 0x7f ||
    (code >= 0xfdd0 && code <= 0xfdef) ||
    (code & 0xfffe) === 0xfffe;
  return forbidden ? '' : String.fromCodePoint(code);
}

const STRICT = /&#?[0-9A-Za-z]{1,24};/g;

/** ftfy's careful reading: only references that end in a semicolon, and lower-case names also when written all in capitals. */
export function unescapeHtmlStrictly(text: string): string {
  return text.replace(STRICT, (whole) => {
    if (whole.startsWith('&#')) {
      const read = unescapeHtml(whole);
      return read.includes(';') ? whole : read;
    }
    const name = whole.slice(1);
    const known = names().get(name);
    if (known !== undefined) return known;
    const lower = name.toLowerCase();
    const shouted = name === name.toUpperCase() ? names().get(lower) : undefined;
    return shouted !== undefined && unescapeHtml(whole) === whole ? shouted.toUpperCase() : whole;
  });
}
