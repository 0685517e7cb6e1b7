import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  captionOf,
  facialSentenceOf,
  plainShot,
  Random,
  randomIdentity,
  randomShot,
  scenarioIds,
  scenarios,
  scenarioShot,
  type Shot,
} from './index.ts';

const random = new Random(9);
const woman = { ...randomIdentity(random), presentation: 1, age: 25 };
const man = { ...randomIdentity(random), presentation: 0, age: 70 };
const shot = (change: Partial<Shot>): Shot => ({ ...plainShot(new Random(1), man), ...change });

describe('captions', () => {
  it('are the prompts of the scenarios', () => {
    const caption = (id: (typeof scenarioIds)[number], person = woman) => captionOf(person, scenarioShot(id, new Random(2), person));
    expect(caption('red-hat')).toBe('a woman wearing a red hat');
    expect(caption('purple-rug-in-forest', man)).toBe('a man on top of a purple rug in a forest');
    expect(caption('van-gogh')).toBe('a painting of a woman in the style of Vincent Van Gogh');
    expect(caption('motorcycle', man)).toBe('a man in a helmet and vest riding a motorcycle');
  });

  it('tell what is told, in the same wording', () => {
    const told = ['hat', 'glasses', 'dress', 'backdrop'] as const;
    const worn = shot({
      hat: { kind: 'straw-hat', colour: 'blue' },
      glasses: { kind: 'glasses', colour: 'orange', square: 0 },
      dress: { garment: 'shirt', colour: 'teal', striped: true },
      backdrop: 'beach',
      told,
    });
    expect(captionOf(man, worn)).toBe('a man wearing a blue straw hat, orange glasses and a teal striped shirt on the beach');
    expect(captionOf(man, { ...worn, told: ['age'] })).toBe('an old man');
    expect(captionOf(woman, { ...worn, told: ['scarf', 'age'], scarf: 'orange', style: 'watercolor' })).toBe(
      'a watercolor painting of a young woman wearing an orange scarf',
    );
    expect(captionOf(man, shot({ action: 'glass-of-wine', backdrop: 'studio', backdropColour: 'orange', told: ['backdrop'] }))).toBe(
      'a man holding a glass of wine in front of an orange wall',
    );
  });

  it('never tell of what is not there', () => {
    for (let i = 0; i < 300; i++) {
      const stream = new Random(3, i);
      const person = randomIdentity(stream);
      const free = randomShot(stream, person);
      const caption = captionOf(person, free);
      expect(caption).toMatch(/^(an?|the) [a-z0-9 ,\-A-Z]+$/);
      expect(caption).not.toMatch(/undefined|\{|\ba [aeiou]|\ban [^aeiou]| {2}/);
      expect(caption.includes('scarf')).toBe(free.scarf !== undefined && free.told.includes('scarf'));
    }
  });
});

describe('the sentence about the face', () => {
  it('names the five parts once each, in clauses of their own', () => {
    for (let i = 0; i < 100; i++) {
      const sentence = facialSentenceOf(randomIdentity(new Random(4, i)));
      for (const word of ['face', 'ears', 'eyes', 'nose', 'mouth'])
        expect(sentence.match(new RegExp(`\\b${word}\\b`, 'g'))).toHaveLength(1);
      expect(sentence.split(',')).toHaveLength(5);
      expect(sentence.length).toBeLessThan(330);
    }
  });
});

describe('scenarios', () => {
  it('are those of the presets of the service, word for word', () => {
    const presets = readFileSync(new URL('../../../apps/api/src/presets/scenario-presets.ts', import.meta.url), 'utf8');
    const entries = [...presets.matchAll(/^ {4}'?([a-z-]+)'?: '([^']*\{subject\}[^']*)',$/gm)].map(([, id, template]) => [id, template]);
    expect(entries).toHaveLength(45);
    expect(scenarioIds.map((id) => [id, scenarios[id].template])).toEqual(entries);
  });
});
