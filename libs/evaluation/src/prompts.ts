/** Which of the 45 prompts of ConsistentID's evaluation are put to the people. */
import { isWoman, scenarioIds, scenarios, type Identity, type ScenarioCategory, type ScenarioId } from '@likeness/portraits';
import { EvaluationError } from './errors.ts';

export interface Prompt {
  readonly id: ScenarioId;
  readonly category: ScenarioCategory;
}

const prompts: readonly Prompt[] = scenarioIds.map((id) => ({ id, category: scenarios[id].category }));
export const categories = [...new Set(prompts.map(({ category }) => category))];

/** As it is put to the text encoder: "a woman wearing a red hat". */
export const promptText = (id: ScenarioId, identity: Identity): string =>
  scenarios[id].template.replace('{subject}', isWoman(identity) ? 'a woman' : 'a man');

/** Short, for a column of people of either sex: "wearing a red hat". */
export const captionOf = (id: ScenarioId): string => scenarios[id].template.replace(/^\{subject\} /, '').replace('{subject}', 'somebody');

export const promptsOf = (category: ScenarioCategory): readonly Prompt[] => prompts.filter((prompt) => prompt.category === category);

/**
 * `all`, a number (so many, in turn from each category), or names of prompts and categories with commas between them; in the order of the
 * paper's list. @throws EvaluationError `prompts_unknown`
 */
export function selectPrompts(selection: string): readonly Prompt[] {
  if (selection === 'all') return prompts;
  if (/^\d+$/.test(selection)) return inTurn(prompts, Number(selection), selection);
  const wanted = selection.split(',').map((name) => name.trim());
  const unknown = wanted.filter((name) => !prompts.some(({ id, category }) => name === id || name === category));
  if (unknown.length > 0) throw unknownPrompts(selection, `There is no prompt or category "${unknown[0]}"`);
  return prompts.filter(({ id, category }) => wanted.includes(id) || wanted.includes(category));
}

/** So many of the given prompts, as evenly from the categories as can be. */
export function inTurn(from: readonly Prompt[], count: number, selection = String(count)): readonly Prompt[] {
  if (count < 1 || count > prompts.length) throw unknownPrompts(selection, `${count} prompts cannot be chosen`);
  const places = new Map<Prompt, number>();
  for (const category of categories)
    for (const [place, prompt] of from.filter((prompt) => prompt.category === category).entries()) places.set(prompt, place);
  const chosen = new Set(from.toSorted((a, b) => places.get(a)! - places.get(b)!).slice(0, count));
  return from.filter((prompt) => chosen.has(prompt));
}

const unknownPrompts = (selection: string, what: string) =>
  new EvaluationError(
    'prompts_unknown',
    `${what}; there are "all", a number from 1 to ${prompts.length}, the categories ${categories.join(', ')}, and ${scenarioIds.join(', ')}.`,
    { prompts: selection, known: scenarioIds },
  );
