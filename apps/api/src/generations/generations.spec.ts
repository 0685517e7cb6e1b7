import { describe, expect, it } from 'vitest';
import { LikenessError, newId, type GenerationInput, type PackSummary } from '@likeness/contracts';
import { decodeCursor, encodeCursor } from '../http/cursor.ts';
import { preferredWait } from './prefer.ts';
import { resolveInput } from './resolve-input.ts';

const defaults = {
  width: 512,
  height: 512,
  steps: 50,
  scheduler: 'euler',
  guidance_scale: 5,
  merge_step: 30,
  identity_scale: 1,
  negative_prompt: 'ugly',
} as const;
const range = { min: 256, max: 768, step: 64 };
const pack = (name: string, rest: Partial<PackSummary> = {}): [string, PackSummary] => [
  name,
  { name, version: '1', title: name, trained: true, sizes: { width: range, height: range }, defaults, ...rest },
];
const packs = new Map([
  pack('portrait'),
  pack('small', {
    sizes: [
      [256, 256],
      [256, 384],
    ],
    defaults: { ...defaults, width: 256, height: 256 },
  }),
]);

const resolve = (input: Omit<Partial<GenerationInput>, 'prompt'>) =>
  resolveInput({ prompt: 'a person', ...input }, packs, 'portrait').input;

const refusal = (input: Partial<GenerationInput>) => {
  try {
    resolve(input);
  } catch (error) {
    if (error instanceof LikenessError) return error.fields;
    throw error;
  }
  throw new Error('not refused');
};

describe('an accepted input', () => {
  it('has the pack’s defaults, every region and a seed', () => {
    const input = resolve({});
    expect(input).toMatchObject({
      ...defaults,
      pack: 'portrait',
      num_images: 1,
      format: 'png',
      facial_regions: ['face', 'eyes', 'ears', 'nose', 'mouth'],
    });
    expect(Number.isInteger(input.seed) && input.seed >= 0 && input.seed < 2 ** 32).toBe(true);
    expect(new Set(Array.from({ length: 20 }, () => resolve({}).seed)).size).toBeGreaterThan(15);
  });

  it('keeps what was given', () => {
    const given = {
      seed: 0,
      steps: 4,
      width: 256,
      height: 320,
      merge_step: '0.5',
      negative_prompt: '',
      guidance_scale: 1,
      format: 'webp',
    } as const;
    expect(resolve(given)).toMatchObject(given);
  });

  it('does not merge after the last step', () => {
    expect(resolve({ steps: 10 }).merge_step).toBe(10);
  });

  it.each<[Partial<GenerationInput>, string, RegExp]>([
    [{ pack: 'unknown' }, '/input/pack', /one of portrait, small; got "unknown"/],
    [{ width: 264 }, '/input/width', /multiple of 64 from 256 to 768 with the pack portrait; got 264/],
    [{ height: 1024 }, '/input/height', /got 1024/],
    [{ pack: 'small', height: 512 }, '/input/height', /256×256, 256×384 with the pack small; got 256×512/],
    [{ pack: 'small', width: 384 }, '/input/width', /256×256, 256×384 with the pack small; got 384×256/],
    [{ merge_step: 51 }, '/input/merge_step', /at most 50, the steps; got 51/],
    [{ merge_step: 5, steps: 4 }, '/input/merge_step', /got 5/],
  ])('%j is refused', (input, pointer, detail) => {
    const fields = refusal(input);
    expect(fields[0]?.pointer).toBe(pointer);
    expect(fields[0]?.detail).toMatch(detail);
  });
});

describe('Prefer', () => {
  it.each([
    ['wait=10', 10],
    ['respond-async, wait=10', 10],
    ['WAIT = "7"', 7],
    ['wait=100', 60],
    ['wait=0', undefined],
    ['wait=-1', undefined],
    ['wait=soon', undefined],
    ['return=minimal', undefined],
    [undefined, undefined],
  ])('%s → %s', (header, seconds) => {
    expect(preferredWait(header)).toBe(seconds);
  });
});

describe('a cursor', () => {
  it('leads back to its entry, in lists of its kind only', () => {
    const id = newId('generation');
    expect(decodeCursor('generation', encodeCursor(id))).toBe(id);
    expect(() => decodeCursor('upload', encodeCursor(id))).toThrow(LikenessError);
  });

  it.each(['', 'x', encodeCursor('gen_0').replace(/.$/, ''), Buffer.from('2 gen_x').toString('base64url')])('%j is none', (cursor) => {
    expect(() => decodeCursor('generation', cursor)).toThrow(LikenessError);
  });
});
