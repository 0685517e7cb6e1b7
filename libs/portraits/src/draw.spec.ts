import { describe, expect, it } from 'vitest';
import {
  drawPortrait,
  labels,
  plainShot,
  Random,
  randomIdentity,
  randomShot,
  sampleOf,
  scenarioIds,
  scenarioShot,
  type Identity,
  type LabelName,
  type Shot,
} from './index.ts';

const drawn = (seed: number, person: number, size = 64) => {
  const { identity, shot } = sampleOf(seed, person, 0);
  return drawPortrait(identity, shot, { size });
};

/** A person looking straight ahead in front of a wall, with changes. */
function facing(change: Partial<Shot> = {}, who: Partial<Identity> = {}) {
  const random = new Random(4, 2);
  const identity = { ...randomIdentity(random), hairStyle: 'crop', facialHair: 'none', ...who } as const;
  const { earrings: _, ...plain } = plainShot(random, identity);
  const expression = { smile: 0.6, mouthOpen: 0.5, brows: 0, eyesOpen: 1 };
  return drawPortrait(identity, { ...plain, yaw: 0, pitch: 0, roll: 0, x: 0.5, expression, ...change });
}
const pixelsOf = (map: Uint8Array, name: LabelName) => map.filter((label) => label === labels[name]).length;

/** Mean absolute difference of the pixels that both show as one of the labels. */
function difference(a: ReturnType<typeof drawPortrait>, b: ReturnType<typeof drawPortrait>, names: readonly LabelName[]): number {
  const wanted = new Set<number>(names.map((name) => labels[name]));
  let [sum, count] = [0, 0];
  a.labels.forEach((label, i) => {
    if (!wanted.has(label) || !wanted.has(b.labels[i]!)) return;
    for (let k = 0; k < 3; k++) sum += Math.abs(a.pixels[3 * i + k]! - b.pixels[3 * i + k]!);
    count += 3;
  });
  return sum / count;
}

describe('drawPortrait', () => {
  it('is a function of its seed, and of nothing drawn before', () => {
    const first = drawn(5, 1);
    const other = drawn(5, 2);
    expect(drawn(5, 1)).toEqual(first);
    expect(Buffer.from(other.pixels).equals(Buffer.from(first.pixels))).toBe(false);
  });

  it.each(scenarioIds)('draws %s for anybody, with a face in it', (id) => {
    for (const seed of [11, 12]) {
      const random = new Random(seed, scenarioIds.indexOf(id));
      const identity = randomIdentity(random);
      const { pixels, labels: map, landmarks } = drawPortrait(identity, scenarioShot(id, random, identity), { size: 64 });
      const face = (pixelsOf(map, 'skin') + pixelsOf(map, 'nose')) / map.length;
      const seen = { finite: landmarks.every(Number.isFinite), face: face > 0.05, colours: new Set(pixels).size > 16 };
      expect(seen).toEqual({ finite: true, face: true, colours: true });
    }
  });

  it('maps every class that is in view', () => {
    const full = facing(
      {
        hat: { kind: 'cap', colour: 'red' },
        glasses: { kind: 'glasses', colour: 'black', square: 0.5 },
        necklace: 'gold',
        earrings: 'yellow',
        dress: { garment: 't-shirt', colour: 'blue' },
      },
      { hairStyle: 'long', earSize: 0.27, hairVolume: 0.05 },
    );
    const bare = facing({ dress: { garment: 't-shirt', colour: 'blue' } });
    const missing = (Object.keys(labels) as LabelName[]).filter((name) => pixelsOf(full.labels, name) + pixelsOf(bare.labels, name) === 0);
    expect(missing).toEqual([]);
    const absent = (['hat', 'eye_g', 'neck_l', 'ear_r'] as const).filter((name) => pixelsOf(bare.labels, name) > 0);
    expect(absent).toEqual([]);
  });

  it.each([
    ['hat', { hat: { kind: 'hat', colour: 'red' } }],
    ['eye_g', { glasses: { kind: 'sunglasses', colour: 'black', square: 0.5 } }],
    ['neck_l', { necklace: 'pearl', dress: { garment: 'tank-top', colour: 'blue' } }],
    ['ear_r', { earrings: 'red' }],
  ] as const)('a class appears with what is worn: %s', (name, change) => {
    expect([pixelsOf(facing().labels, name), pixelsOf(facing(change).labels, name) > 8]).toEqual([0, true]);
  });

  it('hides the eyes behind sunglasses and the hair under nothing but a hat', () => {
    const glasses = facing({ glasses: { kind: 'sunglasses', colour: 'black', square: 0.5 } });
    expect(pixelsOf(glasses.labels, 'l_eye') + pixelsOf(glasses.labels, 'r_eye')).toBe(0);
    expect(pixelsOf(facing({}, { hairStyle: 'bald' }).labels, 'hair')).toBe(0);
  });

  it('puts every landmark into its region, for people turned and tilted', () => {
    const wanted = [['l_eye'], ['r_eye'], ['nose'], ['u_lip', 'l_lip', 'mouth', 'skin'], ['u_lip', 'l_lip', 'mouth', 'skin']] as const;
    for (let person = 0; person < 30; person++) {
      const random = new Random(8, person);
      const identity = { ...randomIdentity(random), facialHair: 'none', hairStyle: 'buzz' } as const;
      const shot = plainShot(random, identity);
      const { size, labels: map, landmarks } = drawPortrait(identity, { ...shot, expression: { ...shot.expression, eyesOpen: 1 } });
      wanted.forEach((names, i) => {
        const near = new Set<number>();
        for (let dy = -2; dy <= 2; dy++)
          for (let dx = -2; dx <= 2; dx++)
            near.add(map[Math.round(landmarks[2 * i + 1]! + dy) * size + Math.round(landmarks[2 * i]! + dx)]!);
        expect({ person, i, hit: names.some((name) => near.has(labels[name])) }).toEqual({ person, i, hit: true });
      });
    }
  });

  it('shows other people more unlike than other light on the same one', () => {
    const names = ['skin', 'nose', 'hair'] as const;
    const light = (azimuth: number) => ({ light: { azimuth, elevation: 0.5, contrast: 0.5 } });
    const same = difference(facing(light(-0.2)), facing(light(0.2)), names);
    const pale = { skinTone: 0.1, hairMelanin: 0.1 };
    const dark = { skinTone: 0.8, hairMelanin: 1 };
    expect(difference(facing(light(0), pale), facing(light(0), dark), names)).toBeGreaterThan(3 * same);
  });

  it('says which size cannot be drawn', () => {
    expect(() => drawn(1, 1, 31.5)).toThrow(
      expect.objectContaining({ code: 'invalid_argument', message: expect.stringContaining('31.5') }),
    );
  });

  it('draws in any size the same picture', () => {
    const random = new Random(6);
    const identity = randomIdentity(random);
    const shot = randomShot(random, identity);
    const [small, large] = [64, 128].map((size) => drawPortrait(identity, shot, { size }).labels);
    const agree = small!.filter((label, i) => label === large![2 * Math.floor(i / 64) * 128 + 2 * (i % 64)]).length;
    expect(agree / small!.length).toBeGreaterThan(0.95);
  });
});
