/**
 * The sentence about the face, with a marker behind every part that the picture shows; at those tokens the fine-grained
 * features enter.
 *
 * Reference: JackAILab/ConsistentID e234008, `functions.py` (`process_text_with_markers`,
 * `tokenize_and_mask_noun_phrases_ends`, `prepare_image_token_idx`) and `encode_prompt_with_trigger_word` of its pipelines.
 */
import type { RegionName } from '../parsing/regions.ts';
import type { ClipTokenizer } from '../tokenizer/clip-tokenizer.ts';

export const FACIAL_TOKEN = '<|facial|>';
export const IMAGE_TOKEN = '<|image|>';

/** A caption over this many characters is not used. */
const MAX_CAPTION = 330;
const MAX_FACIALS = 5;

export type MarkerVariant = 'sd15' | 'legacy' | 'sdxl';

/** How the pipelines join prompt and sentence, and the sentence each of them says by itself. */
export const markerVariants: Record<MarkerVariant, { detail: string; caption: string }> = {
  sd15: { detail: 'Detail:', caption: 'The person has one face, one nose, two eyes, two ears, and one mouth.' },
  legacy: { detail: 'Detail:', caption: 'The person has one nose, two eyes, two ears, and a mouth.' },
  sdxl: { detail: '; Detail:', caption: 'The person has one face, one nose, two eyes, two ears, and a mouth.' },
};

/** Which words name which regions. The order is that of the markers; the region pictures come in class order, and the two are paired by position. */
const features = {
  face: ['Face'],
  ears: ['Left_Ear', 'Right_Ear'],
  eyes: ['Left_Eye', 'Right_Eye'],
  nose: ['Nose'],
  mouth: ['Upper_Lip', 'Lower_Lip'],
} as const satisfies Record<string, readonly RegionName[]>;

export type Feature = keyof typeof features;
const featureNames = Object.keys(features) as Feature[];

/** The word that names a region. */
export const featureOf = (region: RegionName): Feature =>
  featureNames.find((feature) => (features[feature] as readonly RegionName[]).includes(region))!;

/** Python's `\w`: letters, numbers of every kind, underscore. */
const WORD_CHAR = '[\\p{L}\\p{N}_]';

export interface MarkedText {
  readonly text: string;
  /** The regions that are left: one whose word the caption lacks is dropped. */
  readonly regions: RegionName[];
  /** The feature of every marker, in the order of the text. */
  readonly features: Feature[];
}

/** `process_text_with_markers`: every clause that names a part in view, in marker order, with `<|facial|>` behind the word. */
export function markFacialFeatures(caption: string, regions: readonly RegionName[]): MarkedText {
  const wanted = featureNames.filter((feature) => features[feature].some((region) => regions.includes(region)));
  let text = withoutRepeats(caption);
  let left = [...regions];
  for (const feature of wanted.toReversed()) {
    const marked = text.replace(new RegExp(`(?<!${WORD_CHAR})${feature}(?!${WORD_CHAR})`, 'u'), `${feature} ${markerOf(feature)}`);
    if (marked === text) left = left.filter((region) => !(features[feature] as readonly RegionName[]).includes(region));
    text = marked;
  }
  const clauses: string[] = [];
  for (const feature of wanted) {
    const { clause, rest } = takeClause(text, markerOf(feature));
    if (clause === '') continue;
    clauses.push(`${clause},`);
    text = rest;
  }
  const joined = clauses.join(' ');
  const inOrder = [...joined.matchAll(/<\|(\w+)\|>/g)].map(([, name]) => name as Feature);
  return { text: joined.replaceAll(/<\|\w+\|>/g, FACIAL_TOKEN), regions: left, features: inOrder };
}

const markerOf = (feature: Feature) => `<|${feature}|>`;

/** Words and `. , ; ! ?`, one space between; the second and later mention of a feature, in any case, leaves a gap. */
function withoutRepeats(caption: string): string {
  const seen = new Set<string>();
  const words = caption.match(new RegExp(`${WORD_CHAR}+|[.,;!?]`, 'gu')) ?? [];
  const kept = words.map((word) => {
    const lower = word.toLowerCase();
    if (!featureNames.includes(lower as Feature)) return word;
    if (seen.has(lower)) return '';
    seen.add(lower);
    return word;
  });
  return kept.join(' ');
}

/**
 * The clause around a marker, from the last `,` `.` `;` before it to the next behind it, and the text without it.
 * As in the reference a marker that is not there is found at −1: the clause is then what Python's slice from the last character gives.
 */
function takeClause(text: string, marker: string): { clause: string; rest: string } {
  const chars = Array.from(text);
  const isStop = (i: number) => chars[i] === ',' || chars[i] === '.' || chars[i] === ';';
  const found = text.indexOf(marker);
  let start = found < 0 ? -1 : Array.from(text.slice(0, found)).length;
  let end = start + marker.length;
  while (start > 0 && !isStop(start - 1)) start--;
  while (end < chars.length && !isStop(end)) end++;
  const from = start < 0 ? Math.max(0, chars.length - 1) : start;
  return {
    clause: chars.slice(from, end).join('').trim(),
    rest: [...chars.slice(0, from), ...chars.slice(end)].join(''),
  };
}

/** The prompt with its sentence, ready for both phases. Masks and positions refer to `cleanIds`. */
export interface MarkedPrompt {
  readonly markedText: string;
  /** Prompt and sentence with markers. */
  readonly promptFace: string;
  /** The same without markers: the text of the first phase. */
  readonly promptTextOnly: string;
  /** The regions whose pictures are used. */
  readonly regions: RegionName[];
  /** The word before each marker of the sentence, in order. */
  readonly features: Feature[];
  /** 77 ids without the markers; cut without an end token. */
  readonly cleanIds: number[];
  /** SDXL: 77 ids of the second tokenizer, which does not know the marker and keeps it as five tokens. */
  readonly cleanIds2?: number[];
  /** 77 flags: the token before each marker. */
  readonly mask: boolean[];
  /** Positions of the marked tokens, filled with 0 up to five; more than five only if the prompt itself holds markers. */
  readonly positions: number[];
  /** Which of `positions` are real. */
  readonly positionsMask: boolean[];
}

export interface MarkPromptOptions {
  readonly prompt: string;
  readonly variant: MarkerVariant;
  /** Regions in view, in class order. */
  readonly regions: readonly RegionName[];
  /** Default: the variant's own sentence. */
  readonly caption?: string;
  /** Must know `<|facial|>` (`addedTokens: [IMAGE_TOKEN, FACIAL_TOKEN]`). */
  readonly tokenizer: ClipTokenizer;
  readonly tokenizer2?: ClipTokenizer;
  /** Ids that are cut end with an end token, which the reference drops. */
  readonly keepEnd?: boolean;
  /** The second tokenizer sees no markers, which the reference leaves in. */
  readonly stripSecond?: boolean;
}

/** `encode_prompt_with_trigger_word`. The sentence goes first when prompt, sentence and markers together exceed the tokenizer's length. */
export function markPrompt({
  prompt,
  variant,
  regions,
  tokenizer,
  tokenizer2,
  keepEnd = false,
  stripSecond = false,
  ...options
}: MarkPromptOptions): MarkedPrompt {
  const { detail, caption: ownCaption } = markerVariants[variant];
  const caption = options.caption ?? ownCaption;
  const marked = markFacialFeatures(caption, regions);
  let promptFace = prompt + detail + marked.text;
  if (tokenizer.encode(promptFace).length > tokenizer.maxLength) promptFace = `${detail}${marked.text} Caption:${prompt}`;
  if (Array.from(caption).length > MAX_CAPTION) promptFace = prompt;

  const facialId = tokenizer.idOf(FACIAL_TOKEN) ?? -1;
  const { ids: cleanIds, mask } = removeMarkers(promptFace, tokenizer, facialId, keepEnd);
  const marks = mask.flatMap((isMarked, i) => (isMarked ? [i] : []));
  const missing = Math.max(0, MAX_FACIALS - marks.length);
  const promptTextOnly = promptFace.replaceAll(FACIAL_TOKEN, '').replaceAll(IMAGE_TOKEN, '');
  const second = stripSecond ? promptTextOnly : promptFace;
  return {
    markedText: marked.text,
    promptFace,
    promptTextOnly,
    regions: marked.regions,
    features: marked.features,
    cleanIds,
    ...(tokenizer2 ? { cleanIds2: removeMarkers(second, tokenizer2, facialId, keepEnd).ids } : {}),
    mask,
    positions: [...marks, ...new Array<number>(missing).fill(0)],
    positionsMask: [...marks.map(() => true), ...new Array<boolean>(missing).fill(false)],
  };
}

/** `tokenize_and_mask_noun_phrases_ends`: ids without the markers, and which of them stood before one. */
function removeMarkers(text: string, tokenizer: ClipTokenizer, facialId: number, keepEnd: boolean): { ids: number[]; mask: boolean[] } {
  const ids: number[] = [];
  const mask: boolean[] = new Array<boolean>(tokenizer.maxLength).fill(false);
  for (const id of tokenizer.encode(text)) {
    if (id !== facialId) ids.push(id);
    else if (ids.length <= mask.length) mask[ids.length - 1] = true;
  }
  if (keepEnd && ids.length > tokenizer.maxLength) {
    mask[tokenizer.maxLength - 1] = false;
    return { ids: tokenizer.cut(ids), mask };
  }
  return { ids: tokenizer.pad(ids.slice(0, tokenizer.maxLength)), mask };
}
