import { describe, expect, it } from 'vitest';
import { promptsOf, selectPrompts } from './prompts.ts';
import { measurePictures, rowOf, type SeenPicture, type Yardstick } from './rows.ts';
import type { Observation } from './measuring/observer.ts';

const vector = (...values: number[]) => Float32Array.from(values);
const observation = (over: Partial<Observation>): Observation => ({ image: vector(1, 0), face: vector(1, 0), regions: new Map(), attributes: null, ...over }); // prettier-ignore
const [redHat, snow] = selectPrompts('red-hat,snow') as [ReturnType<typeof selectPrompts>[0], ReturnType<typeof selectPrompts>[0]];
const seen = (subject: number, prompt: typeof redHat, over: Partial<Observation>): SeenPicture => ({ subject, prompt, file: null, observation: observation(over) }); // prettier-ignore
const condition = { id: 'row', title: 'a row', group: 'method' } as const;

/** Two people whose faces and eyes stand at right angles; texts of which the red hat's is (1, 0) and every other (0, 1). */
const yardstick: Yardstick = {
  references: [
    observation({ image: vector(1, 0), face: vector(1, 0), regions: new Map([['Eye', [1, 0]]]) }),
    observation({ image: vector(0, 2), face: vector(0, 1), regions: new Map([['Eye', [0, 1]]]) }),
  ],
  people: { vectors: [vector(1, 1), vector(-1, 1)], population: { mean: Float64Array.of(0, 0), deviation: Float64Array.of(1, 1) } },
  text: ({ id }) => (id === 'red-hat' ? vector(1, 0) : vector(0, 1)),
  rivals: ({ category }) => promptsOf(category),
  drawn: [
    { subject: 0, prompt: redHat, image: vector(1, 0) },
    { subject: 0, prompt: snow, image: vector(3, 0) },
    { subject: 1, prompt: snow, image: vector(100, 100) },
  ],
};

describe('rowOf', () => {
  it('is a hundred everywhere for pictures that are their prompts and their people', () => {
    const pictures = [
      seen(0, redHat, { image: vector(2, 0), regions: new Map([['Eye', [3, 0]]]), attributes: vector(1, 1) }),
      seen(1, redHat, { image: vector(2, 0), face: vector(0, 1), regions: new Map([['Eye', [0, 1]]]), attributes: vector(-1, 1) }),
    ];
    const row = rowOf(condition, pictures, yardstick);
    expect(row).toMatchObject({ clip_t: 100, recognised: { all: 100, by_category: { accessory: 100 } } });
    expect(row.face).toEqual({ same: 100, other: 0, margin: 100, rank1: 100, rank5: 100, found: 100 });
    expect(row.fgis).toMatchObject({ same: 100, margin: 100 });
    expect(row.attributes).toMatchObject({ other: 0, rank1: 100 });
    expect(row.attributes!.same).toBeCloseTo(100, 12);
    expect(row.clip_i).toBe(50); // the second person's reference stands at right angles to her picture
    expect(row.by_subject.clip_i).toEqual([100, 0]);
  });

  it('has the cosine of 60°, of the reference and of the prompt', () => {
    const row = rowOf(condition, [seen(0, redHat, { image: vector(1, Math.sqrt(3)) })], yardstick);
    expect(row.clip_t).toBeCloseTo(50, 5);
    expect(row.clip_i).toBeCloseTo(50, 5);
    expect(row.recognised!.all).toBe(0); // 30° to the other texts
  });

  it('counts a picture without a face as no likeness, and says how many have one', () => {
    const row = rowOf(condition, [seen(0, redHat, {}), seen(0, snow, { face: null })], yardstick);
    expect(row.face).toEqual({ same: 50, other: 0, margin: 50, rank1: 50, rank5: 50, found: 50 });
    expect(row.attributes).toBeNull();
  });

  it('takes the distance to the drawn pictures of the same people and scenes', () => {
    const row = rowOf(condition, [seen(0, redHat, { image: vector(2, 0) }), seen(0, snow, { image: vector(4, 0) })], yardstick);
    expect(row.fid).toBeCloseTo(1, 6); // the mean is off by 1, the variance is the same
    expect(rowOf(condition, [seen(0, redHat, {})], yardstick).fid).toBeNull();
  });

  it('leaves out what it has no encoder for', () => {
    const row = rowOf(condition, [seen(0, redHat, {})], { ...yardstick, text: null });
    expect(row).toMatchObject({ clip_t: null, recognised: null, clip_i: 100, by_subject: { clip_t: [] } });
    expect(measurePictures([seen(0, redHat, {})], { ...yardstick, text: null })).toEqual([
      { clip_t: null, clip_i: 100, face: 100, fgis: 0, recognised: null },
    ]);
  });
});
