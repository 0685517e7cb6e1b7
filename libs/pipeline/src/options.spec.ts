import type { Pack } from '@likeness/models';
import { describe, expect, it } from 'vitest';
import { PipelineError } from './errors.ts';
import { mergeStepOf, resolveOptions, seedOfImage, type GenerationRequest } from './options.ts';

const packOf = (sizes: unknown) =>
  ({
    manifest: {
      name: 'p',
      sizes,
      defaults: {
        width: 512,
        height: 512,
        steps: 50,
        scheduler: 'euler',
        guidance_scale: 5,
        merge_step: 0.6,
        identity_scale: 1,
        negative_prompt: 'blurry',
      },
    },
  }) as Pack;
const free = packOf({ width: { min: 256, max: 1024, step: 8 }, height: { min: 256, max: 1024, step: 8 } });
const fixed = packOf([
  [512, 512],
  [512, 768],
]);

describe('resolveOptions', () => {
  it('takes everything but the prompt from the pack', () => {
    const { seed, ...options } = resolveOptions(free, { prompt: 'a man' });
    expect(options).toEqual({
      prompt: 'a man',
      negativePrompt: 'blurry',
      numImages: 1,
      width: 512,
      height: 512,
      steps: 50,
      scheduler: 'euler',
      guidanceScale: 5,
      mergeStep: 30,
      identityScale: 1,
      noiseDevice: 'cpu',
      facialRegions: ['face', 'eyes', 'ears', 'nose', 'mouth'],
      corrections: [],
      format: 'png',
    });
    expect(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32).toBe(true);
  });

  it('keeps what the caller says', () => {
    const asked = {
      prompt: 'x',
      negativePrompt: '',
      seed: 0,
      steps: 20,
      mergeStep: -1,
      width: 264,
      format: 'webp',
      facialRegions: [],
    } as const;
    expect(resolveOptions(free, asked)).toMatchObject({ ...asked, height: 512 });
  });

  it.each<[string, Partial<GenerationRequest>, string]>([
    ['steps', { steps: 101 }, 'steps 101'],
    ['steps', { steps: 1.5 }, 'steps 1.5'],
    ['width', { width: 260 }, 'width 260'],
    ['height', { height: 1032 }, 'height 1032'],
    ['guidance', { guidanceScale: 0.5 }, 'guidance_scale 0.5'],
    ['guidance', { guidanceScale: Number.NaN }, 'guidance_scale null'],
    ['identity scale', { identityScale: 2.1 }, 'identity_scale 2.1'],
    ['scheduler', { scheduler: 'toString' as never }, 'scheduler "toString"'],
    ['seed', { seed: 2 ** 32 }, 'seed 4294967296'],
    ['images', { numImages: 9 }, 'num_images 9'],
    ['prompt', { prompt: '' }, 'prompt has 0 characters'],
    ['merge step', { mergeStep: 51 }, 'merge_step 51'],
  ])('refuses a bad %s and names it', (_, bad, message) => {
    const resolve = () => resolveOptions(free, { prompt: 'x', ...bad });
    expect(resolve).toThrow(PipelineError);
    expect(resolve).toThrow(message);
  });

  it('lists the sizes of a pack that has only a few', () => {
    expect(resolveOptions(fixed, { prompt: 'x', height: 768 }).height).toBe(768);
    expect(() => resolveOptions(fixed, { prompt: 'x', width: 256, height: 256 })).toThrow(/512×512, 512×768/);
  });
});

describe('mergeStepOf', () => {
  it.each([
    [30, 50, 30],
    [-1, 50, -1],
    [0, 50, 0],
    [1, 50, 1],
    [50, 50, 50],
    [0.6, 50, 30],
    ['0.6', 20, 12],
    ['1.0', 20, 20],
    ['0.0', 20, 0],
  ])('%s of %i steps is step %i', (value, steps, step) => expect(mergeStepOf(value, steps)).toBe(step));

  it.each([-2, 51, 1.5, -0.5, 'x', '1.5'])('refuses %s', (value) => expect(() => mergeStepOf(value, 50)).toThrow(/merge_step/));
});

it('wraps the seeds of further images at 2³²', () => expect(seedOfImage(2 ** 32 - 1, 2)).toBe(1));
