import { describe, expect, it } from 'vitest';
import { regionNames, type RegionName } from '../parsing/regions.ts';
import { ClipTokenizer } from '../tokenizer/clip-tokenizer.ts';
import { FACIAL_TOKEN, IMAGE_TOKEN, markerVariants, markFacialFeatures, markPrompt } from './facial-markers.ts';

const tokenizer = new ClipTokenizer({ cleaning: 'huggingface', addedTokens: [IMAGE_TOKEN, FACIAL_TOKEN] });
const tokenizer2 = new ClipTokenizer({ cleaning: 'huggingface', padToken: '!' });
const five: RegionName[] = ['Face', 'Left_Eye', 'Left_Ear', 'Nose', 'Upper_Lip'];

describe('markFacialFeatures', () => {
  it('puts a marker behind each part in view, clause by clause', () => {
    expect(markFacialFeatures(markerVariants.sd15.caption, five).text).toBe(
      'The person has one face <|facial|>, two ears <|facial|>, two eyes <|facial|>, one nose <|facial|>, and one mouth <|facial|>,',
    );
  });

  it('drops the region whose word the caption lacks', () => {
    const { text, regions } = markFacialFeatures(markerVariants.legacy.caption, five);
    expect(text).toBe('two ears <|facial|>, two eyes <|facial|>, The person has one nose <|facial|>, and a mouth <|facial|>,');
    expect(regions).toEqual(five.slice(1));
  });

  it('marks lower case only, while repeats count in any case', () => {
    expect(markFacialFeatures('Ears, one nose, a Nose.', ['Left_Ear', 'Nose'])).toEqual({
      text: 'one nose <|facial|>,',
      regions: ['Nose'],
      features: ['nose'],
    });
  });

  it('follows the reference where a marker is not there: the last character goes out as a clause', () => {
    expect(markFacialFeatures('Ears and one nose', ['Left_Ear', 'Nose']).text).toBe('>, |,');
  });

  it('marks nothing where nothing is in view', () => {
    expect(markFacialFeatures(markerVariants.sd15.caption, [])).toEqual({ text: '', regions: [], features: [] });
  });
});

describe('markPrompt', () => {
  it('gives the ids and positions of the reference', () => {
    const marked = markPrompt({ prompt: 'A man wearing a santa hat', variant: 'sd15', regions: five, tokenizer });
    expect(marked.cleanIds.slice(0, 29)).toEqual([
      49406, 320, 786, 3309, 320, 4555, 3447, 7657, 281, 518, 2533, 791, 637, 1710, 267, 1237, 9861, 267, 1237, 3095, 267, 637, 8231, 267,
      537, 637, 4932, 267, 49407,
    ]);
    expect(marked.positions).toEqual([13, 16, 19, 22, 26]);
    expect(marked.mask.flatMap((isMarked, i) => (isMarked ? [i] : []))).toEqual(marked.positions);
  });

  it('fills positions with 0 where regions are missing', () => {
    const marked = markPrompt({ prompt: 'a man', variant: 'sd15', regions: ['Face', 'Left_Eye', 'Nose', 'Upper_Lip'], tokenizer });
    expect(marked.positions).toEqual([9, 12, 15, 19, 0]);
    expect(marked.positionsMask).toEqual([true, true, true, true, false]);
  });

  it('puts the sentence first when all would not fit', () => {
    const marked = markPrompt({ prompt: 'a man in a green field, '.repeat(12), variant: 'sd15', regions: five, tokenizer });
    expect(marked.promptFace.startsWith('Detail:The person')).toBe(true);
    expect(marked.positions).toEqual([7, 10, 13, 16, 20]);
    expect([marked.cleanIds.length, marked.cleanIds.includes(tokenizer.endId)]).toEqual([77, false]);
  });

  it('leaves a caption over 330 characters out', () => {
    const marked = markPrompt({ prompt: 'a man', caption: 'one face, '.repeat(34), variant: 'sd15', regions: ['Face'], tokenizer });
    expect([marked.promptFace, marked.positionsMask.some(Boolean)]).toEqual(['a man', false]);
    expect(marked.markedText).toBe('one face <|facial|>,');
  });

  it('knows whose word stands before each marker', () => {
    const order = (caption: string) => markFacialFeatures(caption, five).features;
    expect(order(markerVariants.sd15.caption)).toEqual(['face', 'ears', 'eyes', 'nose', 'mouth']);
    expect(order('A mouth below the nose, eyes.')).toEqual(['eyes', 'mouth', 'nose']);
  });

  it('keeps an end token and strips the second tokenizer’s markers where that is asked for', () => {
    const long = { prompt: 'a man in a green field, '.repeat(12), variant: 'sdxl', regions: five, tokenizer, tokenizer2 } as const;
    const corrected = markPrompt({ ...long, keepEnd: true, stripSecond: true });
    expect([corrected.cleanIds.at(-1), corrected.cleanIds2!.at(-1)]).toEqual([tokenizer.endId, tokenizer.endId]);
    expect(corrected.cleanIds.slice(0, 76)).toEqual(markPrompt(long).cleanIds.slice(0, 76));
    expect(corrected.cleanIds2).toEqual(corrected.cleanIds); // the same words for both
  });

  it('keeps the markers as five tokens for SDXL’s second encoder', () => {
    const { cleanIds2 } = markPrompt({ prompt: 'a man', variant: 'sdxl', regions: ['Face'], tokenizer, tokenizer2 });
    expect(cleanIds2?.join()).toContain('1710,27,347,11909,91,29,267,49407,0');
  });
});

it('knows the regions in class order', () => {
  expect(regionNames).toEqual(['Face', 'Left_Eye', 'Right_Eye', 'Left_Ear', 'Right_Ear', 'Nose', 'Upper_Lip', 'Lower_Lip']);
});
