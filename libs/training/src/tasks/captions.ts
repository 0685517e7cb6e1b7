/** From what a picture's JSON says to the text that a text encoder reads. */
import {
  ClipTokenizer,
  loadClipTokenizer,
  markPrompt,
  promptTokenizer,
  regionNames,
  type MarkedPrompt,
  type RegionName,
} from '@likeness/pipeline';
import { readFgid, type FgidRecord } from '../data/fgid.ts';
import { Random } from '../random.ts';

/** As the pipeline opens it. */
export const openTokenizer = (folder: string): Promise<ClipTokenizer> => loadClipTokenizer(folder, promptTokenizer);

/** What the pictures' looks add to every other caption, where they are known (`appearance`): real captions speak of hair and skin at times. */
const appearanceShare = 0.5;

export function captionOf({ caption = '', more }: FgidRecord, random: Random): string {
  const { appearance } = more;
  return typeof appearance === 'string' && random.next() < appearanceShare ? `${caption}, ${appearance}` : caption;
}

/**
 * A caption with a sentence about the face, as the pipeline joins and marks them: every other time its own sentence, else the picture's.
 * @param regions in view, in class order
 */
export function detailed(
  caption: string,
  { facialCaption }: FgidRecord,
  { tokenizer, regions, random }: { tokenizer: ClipTokenizer; regions: readonly RegionName[]; random: Random },
): MarkedPrompt {
  const isOwn = facialCaption === undefined || random.next() < 0.5;
  return markPrompt({ prompt: caption, variant: 'sd15', regions, tokenizer, keepEnd: true, ...(isOwn ? {} : { caption: facialCaption }) });
}

/** The texts of a data set as the trainings say them, each picture's once as it is and once with a sentence about the face: for a vocabulary of its own. */
export function* textsOf(folder: string): Generator<string> {
  const tokenizer = new ClipTokenizer(promptTokenizer);
  for (const [index, record] of readFgid(folder).entries()) {
    const random = new Random(0, 'text', index);
    const caption = captionOf(record, random);
    yield caption;
    yield detailed(caption, record, { tokenizer, regions: regionNames, random }).promptTextOnly;
  }
}
