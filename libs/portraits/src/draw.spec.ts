import { describe, expect, it } from 'vitest';
import { drawPortrait, labels, Random, randomIdentity, randomShot, scenarioIds, scenarioShot } from './index.ts';

const drawn = (seed: number, index: number, size = 128) => {
  const random = new Random(seed, index);
  const identity = randomIdentity(random);
  return drawPortrait(identity, randomShot(random, identity), { size });
};

describe('drawPortrait', () => {
  it('is a function of its seed, and of nothing drawn before', () => {
    const first = drawn(5, 1);
    drawn(5, 2);
    expect(drawn(5, 1)).toEqual(first);
    expect(Buffer.from(drawn(5, 2).pixels).equals(Buffer.from(first.pixels))).toBe(false);
  });

  it('draws every scenario for anybody, with a face in it', () => {
    for (const [k, id] of scenarioIds.entries()) {
      const random = new Random(11, k);
      const identity = randomIdentity(random);
      const { pixels, labels: map, landmarks, caption } = drawPortrait(identity, scenarioShot(id, random, identity), { size: 64 });
      const share = map.filter((label) => label === labels.skin).length / map.length;
      expect({ id, finite: landmarks.every(Number.isFinite), visible: share > 0.05, empty: new Set(pixels).size < 16 }).toEqual({
        id,
        finite: true,
        visible: true,
        empty: false,
      });
      expect(caption).toMatch(/\ba (man|woman)\b/);
    }
  });
});
