import { isId, LikenessError, Preset, type GenerationInput } from '@likeness/contracts';
import { describe, expect, it } from 'vitest';
import { applyPreset } from './apply-preset.ts';
import { scenarioPresets } from './scenario-presets.ts';

describe('the shipped presets', () => {
  it('are 45 scenarios in four categories', () => {
    const counts = Object.fromEntries(
      Object.entries(Object.groupBy(scenarioPresets, ({ category }) => category ?? 'none')).map(([category, of]) => [category, of.length]),
    );
    expect(counts).toEqual({ accessory: 10, background: 10, action: 15, style: 10 });
  });

  it('have names, ids and prompts of their own, each with the subject once', () => {
    for (const of of [
      scenarioPresets.map(({ id }) => id),
      scenarioPresets.map(({ name }) => name),
      scenarioPresets.map(({ input }) => input.prompt),
    ])
      expect(new Set(of).size).toBe(45);
    for (const preset of scenarioPresets) {
      expect(isId('preset', preset.id), preset.id).toBe(true);
      expect(Preset.parse(preset)).toEqual(preset);
      expect(preset.input.prompt?.split('{subject}')).toHaveLength(2);
      expect(preset.input.prompt).not.toMatch(/\bimg\b/); // the trigger word of another method
    }
  });
});

describe('a preset', () => {
  const preset = {
    name: 'studio',
    version: 3,
    input: { prompt: 'a portrait of {subject}, {subject} smiling', steps: 20, seed: 7, negative_prompt: 'ugly' },
  };
  const refusal = (
    input: Omit<GenerationInput, 'reference_images'>,
    of?: typeof preset | { name: string; version: number; input: object },
  ) => {
    try {
      applyPreset(input, of);
    } catch (error) {
      if (error instanceof LikenessError) return error.fields[0];
      throw error;
    }
    throw new Error('not refused');
  };

  it('holds wherever the request says nothing else', () => {
    expect(applyPreset({ preset: 'studio', steps: 30, seed: 0 }, preset)).toEqual({
      preset: 'studio@3',
      prompt: 'a portrait of a person, a person smiling',
      steps: 30,
      seed: 0,
      negative_prompt: 'ugly',
    });
  });

  it('speaks of the subject as the request does', () => {
    const { prompt } = applyPreset({ preset: 'studio', subject_description: 'a man who costs $& and $1' }, preset);
    expect(prompt).toBe('a portrait of a man who costs $& and $1, a man who costs $& and $1 smiling');
  });

  it('leaves a prompt of the request’s own as it is', () => {
    expect(applyPreset({ preset: 'studio', prompt: 'a {subject}', subject_description: 'a man' }, preset).prompt).toBe('a {subject}');
    expect(applyPreset({ prompt: 'a person' })).toEqual({ prompt: 'a person' });
  });

  it('or the request has a prompt, of at most 2,000 characters', () => {
    expect(refusal({})).toMatchObject({ pointer: '/input/prompt', detail: expect.stringContaining('is required') as string });
    expect(refusal({}, { name: 'fast', version: 1, input: { steps: 4 } })?.detail).toContain('fast has none');
    const long = { name: 'long', version: 1, input: { prompt: `{subject}${'x'.repeat(1990)}` } };
    expect(applyPreset({ subject_description: 'ten chars.' }, long).prompt).toHaveLength(2000);
    expect(refusal({ subject_description: 'eleven char' }, long)?.pointer).toBe('/input/subject_description');
  });
});
