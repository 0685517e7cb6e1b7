import { PROMPT_MAX, type GenerationInput, type Preset } from '@likeness/contracts';
import { refused } from '../http/contract.ts';

type Requested = Omit<GenerationInput, 'reference_images'>;

const ANYBODY = 'a person';

/** The preset's values under those of the request. @throws LikenessError `validation_failed` when there is no prompt, or one too long */
export function applyPreset(input: Requested, preset?: Pick<Preset, 'name' | 'version' | 'input'>): Requested & { prompt: string } {
  const { subject_description: subject = ANYBODY } = input;
  const prompt = input.prompt ?? preset?.input.prompt?.replaceAll('{subject}', () => subject);
  if (prompt === undefined) {
    const detail = preset ? `is required: the preset ${preset.name} has none` : 'is required, or a preset that has one';
    throw refused([{ pointer: '/input/prompt', detail }]);
  }
  if (prompt.length > PROMPT_MAX) {
    const detail = `must leave the prompt of the preset at most ${PROMPT_MAX} characters; it has ${prompt.length}`;
    throw refused([{ pointer: '/input/subject_description', detail }]);
  }
  return { ...preset?.input, ...input, prompt, ...(preset ? { preset: `${preset.name}@${preset.version}` } : {}) };
}
