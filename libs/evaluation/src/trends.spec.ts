import { describe, expect, it } from 'vitest';
import type { Expectation } from './paper.ts';
import { expectations, paperRows } from './paper.ts';
import type { Row } from './rows.ts';
import { trendOf, trendsOf } from './trends.ts';

const row = (id: string, face: number[]): Row => {
  const match = { same: 0, other: 0, margin: 0, rank1: 0, rank5: 0, found: 100 };
  const by_subject = { clip_t: [], clip_i: face, face, fgis: face };
  return { id, title: id, group: 'method', pictures: face.length, clip_t: null, clip_i: 0, face: match, attributes: null, fgis: match, fid: null, recognised: null, by_subject }; // prettier-ignore
};
const more: Expectation = { measure: 'face', higher: 'a', lower: 'b', because: 'so it is' };

describe('trendOf', () => {
  it('compares person by person, so that what people differ in does not blur it', () => {
    const trend = trendOf(more, row('a', [90, 50, 14]), row('b', [87, 48, 11]))!;
    expect(trend.difference).toBeCloseTo(8 / 3, 12);
    expect(trend.uncertainty).toBeCloseTo(4.3 / 3, 12);
    expect(trend.verdict).toBe('agrees');
    expect(trend.words).toBe('FaceSim 51.3 for “a”, 48.7 for “b”: +2.7 ± 1.4; as the paper has it (so it is).');
  });

  it('says when it goes the other way, and when nothing can be said', () => {
    expect(trendOf(more, row('a', [1, 2, 3]), row('b', [11, 12, 14]))).toMatchObject({ verdict: 'differs' });
    expect(trendOf(more, row('a', [10, 20]), row('b', [20, 10]))).toMatchObject({ verdict: 'undecided', difference: 0 });
    expect(trendOf(more, row('a', [2, 4]), row('b', [1, 2]))).toMatchObject({ verdict: 'undecided' }); // two people are too few
    expect(trendOf(more, row('a', [90]), row('b', [10]))!.words).toMatch(/\+80\.0; too little to say, over 1 person,/);
    expect(trendOf({ ...more, measure: 'clip_t' }, row('a', [1]), row('b', [2]))).toBeNull(); // not measured
  });

  it('judges only what a table has', () => {
    expect(trendsOf([row('consistentid', [3, 4])], 50)).toEqual([]);
    const trends = trendsOf([row('consistentid', [30, 40, 50]), row('overall-only', [10, 20, 29])], 50);
    expect(trends.map(({ measure, verdict }) => [measure, verdict])).toEqual([['face', 'agrees'], ['fgis', 'agrees']]); // prettier-ignore
  });
});

it('expectations of table III follow its numbers', () => {
  const adapter = paperRows.find(({ row }) => row === 'image-tokens')!;
  expect(adapter).toMatchObject({ name: 'IP-Adapter', clip_t: 27.6 });
  const of = expectations(50).filter(({ because }) => because.includes('IP-Adapter'));
  expect(of.map(({ measure, higher }) => [measure, higher])).toEqual(
    ['clip_t', 'clip_i', 'face', 'fgis'].map((measure) => [measure, 'consistentid']),
  );
});
