import { Random, randomIdentity } from '@likeness/portraits';
import { describe, expect, it } from 'vitest';
import { EvaluationError } from './errors.ts';
import { captionOf, inTurn, promptText, selectPrompts } from './prompts.ts';

const ids = (selection: string) => selectPrompts(selection).map(({ id }) => id);

describe('selectPrompts', () => {
  it('takes all 45, so many in turn from the categories, categories and names', () => {
    expect(ids('all')).toHaveLength(45);
    expect(selectPrompts('8').map(({ category }) => category)).toEqual(
      ['accessory', 'background', 'action', 'style'].flatMap((category) => [category, category]),
    );
    expect(ids('45')).toEqual(ids('all'));
    expect(ids('style')).toHaveLength(10);
    expect(ids('snow, red-hat')).toEqual(['red-hat', 'snow']); // in the order of the list
  });

  it('chooses evenly among what was chosen before', () => {
    expect(inTurn(selectPrompts('snow,jungle,red-hat'), 2).map(({ id }) => id)).toEqual(['red-hat', 'jungle']);
  });

  it.each(['0', '46', 'hats', 'snow,', ''])('refuses %j, naming what there is', (selection) => {
    const refusal = expect.objectContaining({
      code: 'prompts_unknown',
      detail: expect.objectContaining({ prompts: selection }) as unknown,
    }) as unknown;
    expect(() => selectPrompts(selection)).toThrow(EvaluationError);
    expect(() => selectPrompts(selection)).toThrow(refusal);
  });
});

it('a prompt says whether it is of a man or a woman', () => {
  const person = randomIdentity(new Random(1));
  expect(promptText('red-hat', { ...person, presentation: 1 })).toBe('a woman wearing a red hat');
  expect(promptText('banksy', { ...person, presentation: 0 })).toMatch(/a man/);
});

it('a caption says it of nobody in particular', () => {
  expect(captionOf('red-hat')).toBe('wearing a red hat');
  expect(captionOf('banksy')).toBe('a painting of somebody in the style of Banksy');
});
