import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import {
  identityFromVector,
  identityNumbers,
  identityVector,
  identityVectorNames,
  randomIdentity,
  type IdentityNumber,
} from './identity.ts';

const people = Array.from({ length: 400 }, (_, i) => randomIdentity(new Random(1, i)));

describe('identities', () => {
  it('stay within their ranges, and use them', () => {
    for (const name of Object.keys(identityNumbers) as IdentityNumber[]) {
      const { low, high } = identityNumbers[name];
      const values = people.map((person) => person[name]);
      const [least, most] = [Math.min(...values), Math.max(...values)];
      expect({ name, within: least >= low && most <= high }).toEqual({ name, within: true });
      expect({ name, used: (most - least) / (high - low) > 0.6 }).toEqual({ name, used: true });
    }
  });

  it('are men and women of every skin and every kind of hair', () => {
    const share = (test: (person: (typeof people)[number]) => boolean) => people.filter(test).length / people.length;
    expect(share((person) => person.presentation > 0.5)).toBeCloseTo(0.5, 1);
    for (const third of [0, 1, 2]) expect(share(({ skinTone }) => Math.min(2, Math.floor(skinTone * 3)) === third)).toBeGreaterThan(0.25);
    expect(new Set(people.map(({ hairStyle }) => hairStyle)).size).toBe(11);
    expect(people.some(({ presentation, facialHair }) => presentation > 0.5 && facialHair !== 'none')).toBe(false);
  });

  it('come back from their vectors', () => {
    for (const person of people.slice(0, 50)) {
      const vector = identityVector(person);
      expect(vector.length).toBe(identityVectorNames.length);
      const back = identityFromVector(vector);
      expect([back.hairStyle, back.facialHair]).toEqual([person.hairStyle, person.facialHair]);
      for (const name of Object.keys(identityNumbers) as IdentityNumber[]) expect(back[name]).toBeCloseTo(person[name], 4);
    }
  });

  it('differ from each other in many traits', () => {
    const vectors = people.map(identityVector);
    for (let i = 1; i < 100; i++) {
      const distance = Math.hypot(...vectors[i]!.map((x, k) => x - vectors[i - 1]![k]!));
      expect(distance).toBeGreaterThan(1.5);
    }
  });
});
