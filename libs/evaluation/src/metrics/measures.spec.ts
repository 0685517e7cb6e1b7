import { describe, expect, it } from 'vitest';
import { attributeSimilarity, populationOf } from './attribute-similarity.ts';
import { identityMatch } from './identity-match.ts';
import { landmarkError } from './landmark-error.ts';
import { Confusion } from './mean-iou.ts';
import { psnr } from './psnr.ts';
import { regionSimilarity } from './region-similarity.ts';
import { rocAuc } from './roc-auc.ts';
import { likeliest } from './zero-shot.ts';

describe('rocAuc', () => {
  it('is 1 when every pair of one person is above every other, ½ for guessing, and counts ties half', () => {
    expect(rocAuc([0.9, 0.8], [0.1, 0.2, 0.3])).toBe(1);
    expect(rocAuc([0.1], [0.9])).toBe(0);
    expect(rocAuc([1, 1, 1], [1, 1])).toBe(0.5);
    expect(rocAuc([0.8, 0.4], [0.6, 0.4])).toBe((1 + 1 + 0 + 0.5) / 4);
    expect(rocAuc([], [1])).toBeNaN();
  });
});

describe('Confusion', () => {
  it('has the intersection over union of the classes that there are', () => {
    const confusion = new Confusion(4);
    confusion.add([0, 0, 1, 1], [0, 1, 1, 1]);
    confusion.add([2, 2], [2, 0]);
    expect(confusion.iou()).toEqual([1 / 3, 2 / 3, 1 / 2, null]);
    expect(confusion.meanIou()).toBeCloseTo((1 / 3 + 2 / 3 + 1 / 2) / 3, 15);
    expect(() => confusion.add([0], [0, 1])).toThrow(/1 and 2 pixels/);
  });
});

describe('psnr', () => {
  it('is 20 dB for an error of a tenth of the range, infinite for none', () => {
    expect(psnr([25.5, 0], [0, 25.5])).toBeCloseTo(20, 12);
    expect(psnr([10, 0, 0, 0], [0, 0, 0, 0])).toBeCloseTo(10 * Math.log10(255 ** 2 / 25), 12);
    expect(psnr([7], [7])).toBe(Infinity);
  });
});

describe('landmarkError', () => {
  it('is the mean distance over the distance of the eyes', () => {
    const truth = [0, 0, 10, 0, 5, 5, 2, 8, 8, 8];
    expect(landmarkError(truth, truth)).toBe(0);
    expect(landmarkError([3, 4, ...truth.slice(2)], truth)).toBeCloseTo(0.1, 15); // one of five is 5 away, the eyes 10
  });
});

describe('identityMatch', () => {
  const pictures = [
    { subject: 0, similarities: [0.9, 0.1, -0.5] },
    { subject: 1, similarities: [0.6, 0.4, 0.2] },
    { subject: 2, similarities: null },
  ];

  it('compares with the own subject and with the others, a negative or missing similarity counting as 0', () => {
    const match = identityMatch(pictures);
    expect(match.same).toBeCloseTo((0.9 + 0.4 + 0) / 3, 15);
    expect(match.other).toBeCloseTo((0.1 + 0 + 0.6 + 0.2) / 4, 15);
    expect(match.margin).toBeCloseTo(match.same - match.other, 15);
  });

  it('counts who comes first, who is among five, and who shows a face at all', () => {
    expect(identityMatch(pictures)).toMatchObject({ rank1: 1 / 3, rank5: 2 / 3, found: 2 / 3 });
    expect(identityMatch([{ subject: 0, similarities: [0.5, 0.5] }]).rank1).toBe(0); // a tie is lost
    const crowd = { subject: 6, similarities: [0.9, 0.8, 0.7, 0.6, 0.5, 0.1, 0.4] };
    expect(identityMatch([crowd]).rank5).toBe(0);
    expect(identityMatch([{ ...crowd, subject: 4 }]).rank5).toBe(1);
  });
});

describe('regionSimilarity', () => {
  it('is the mean cosine over the regions that both show', () => {
    const a = new Map([['Eye', [1, 0]], ['Nose', [0, 1]], ['Ear', [1, 1]]]); // prettier-ignore
    const b = new Map([['Eye', [2, 0]], ['Nose', [1, 0]], ['Lip', [1, 1]]]); // prettier-ignore
    expect(regionSimilarity(a, b)).toBe(0.5);
    expect(regionSimilarity(a, new Map())).toBeNull();
  });
});

describe('attributeSimilarity', () => {
  it('counts every component by how much people differ in it, and none in which nobody differs', () => {
    const population = populationOf([[1, 100, 3], [-1, -100, 3]]); // prettier-ignore
    expect([...population.mean]).toEqual([0, 0, 3]);
    expect([...population.deviation]).toEqual([1, 100, 0]);
    expect(attributeSimilarity([1, 100, 9], [1, 100, 3], population)).toBeCloseTo(1, 15);
    expect(attributeSimilarity([1, 100, 3], [1, -100, 3], population)).toBeCloseTo(0, 15);
  });
});

it('likeliest takes the text of the smallest angle', () => {
  expect(likeliest([1, 0.2], [[0, 5], [9, 9], [0.1, 0]])).toBe(2); // prettier-ignore
  expect(likeliest([1, 0], [[1, 0], [2, 0]])).toBe(0); // prettier-ignore
});
