/** Named, versioned parameter sets: a request that names one has its values wherever it does not say otherwise. */
import { z } from 'zod';
import { GenerationInput, PresetName } from './generation-request.ts';
import { id } from './ids.ts';

export const PRESET_CATEGORIES = ['accessory', 'background', 'action', 'style'] as const;
const PresetCategory = z.enum(PRESET_CATEGORIES);

/** What a preset may set: everything but the person. `{subject}` in the prompt becomes the request's `subject_description`. */
export const PresetInput = GenerationInput.omit({ reference_images: true, subject: true, preset: true, subject_description: true })
  .partial()
  .meta({ id: 'PresetInput', description: '`{subject}` in `prompt` becomes the request’s `subject_description`' });
export type PresetInput = z.infer<typeof PresetInput>;

/** The body of `POST /v1/presets`: a new preset, or the next version of one. */
export const CreatePreset = z
  .strictObject({
    name: PresetName,
    category: PresetCategory.nullable().optional(),
    input: PresetInput.refine((input) => Object.keys(input).length > 0, 'must set something'),
  })
  .meta({ id: 'CreatePreset' });
export type CreatePreset = z.infer<typeof CreatePreset>;

export const Preset = z
  .object({
    id: id('preset'),
    object: z.literal('preset'),
    name: z.string(),
    version: z.int().describe('1, 2, …; the shipped presets are version 1 of their names'),
    category: PresetCategory.nullable(),
    input: PresetInput,
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Preset' });
export type Preset = z.infer<typeof Preset>;
export const PresetList = z.object({ data: z.array(Preset), next_cursor: z.string().nullable() }).meta({ id: 'PresetList' });

/** Query of `GET /v1/presets`. */
export const ListPresets = z.strictObject({
  category: PresetCategory.optional(),
  name: PresetName.optional(),
  cursor: z.string().max(256).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(100),
});
