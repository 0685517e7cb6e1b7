/** The request's input with everything filled in: the pack's defaults, a random seed; refused when the pack cannot do it. */
import { randomInt } from 'node:crypto';
import { FACIAL_REGIONS, preview, type AcceptedInput, type FieldError, type GenerationInput, type PackSummary } from '@likeness/contracts';
import { refused } from '../http/contract.ts';

/** The pictures take a way of their own; the preset, if there is one, is applied (`apply-preset.ts`). */
type RequestedInput = Omit<GenerationInput, 'reference_images'> & { readonly prompt: string };
type ResolvedInput = Omit<AcceptedInput, 'reference_images'>;

/** @throws LikenessError `validation_failed` with what the pack allows */
export function resolveInput(
  input: RequestedInput,
  packs: ReadonlyMap<string, PackSummary>,
  defaultPack: string,
): { input: ResolvedInput; pack: PackSummary } {
  const name = input.pack ?? defaultPack;
  const pack = packs.get(name);
  if (!pack) throw refused([notAllowed('/input/pack', name, `one of ${[...packs.keys()].sort().join(', ')}`)]);
  const { defaults } = pack;
  const steps = input.steps ?? defaults.steps;
  const resolved: ResolvedInput = {
    ...(input.subject !== undefined && { subject: input.subject }),
    prompt: input.prompt,
    negative_prompt: input.negative_prompt ?? defaults.negative_prompt,
    num_images: input.num_images ?? 1,
    width: input.width ?? defaults.width,
    height: input.height ?? defaults.height,
    steps,
    scheduler: input.scheduler ?? defaults.scheduler,
    guidance_scale: input.guidance_scale ?? defaults.guidance_scale,
    merge_step: input.merge_step ?? Math.min(defaults.merge_step, steps),
    identity_scale: input.identity_scale ?? defaults.identity_scale,
    seed: input.seed ?? randomInt(2 ** 32),
    facial_regions: input.facial_regions ?? [...FACIAL_REGIONS],
    noise_device: input.noise_device ?? 'cpu',
    corrections: input.corrections ?? [],
    pack: name,
    format: input.format ?? 'png',
    ...(input.preset === undefined ? {} : { preset: input.preset }),
    ...(input.subject_description === undefined ? {} : { subject_description: input.subject_description }),
  };
  const wrong = [...sizeErrors(pack, resolved), ...mergeStepErrors(resolved)];
  if (wrong.length > 0) throw refused(wrong);
  return { input: resolved, pack };
}

function sizeErrors({ name, sizes }: PackSummary, { width, height }: ResolvedInput): FieldError[] {
  if (Array.isArray(sizes)) {
    if (sizes.some(([w, h]) => w === width && h === height)) return [];
    const allowed = sizes.map(([w, h]) => `${w}×${h}`).join(', ');
    const detail = `width and height must be ${allowed} with the pack ${name}; got ${width}×${height}`;
    // A side that occurs in no pair is to blame; where both occur, but not together, both are.
    const strange = [
      sizes.some(([w]) => w === width) ? [] : ['/input/width'],
      sizes.some(([, h]) => h === height) ? [] : ['/input/height'],
    ].flat();
    return (strange.length > 0 ? strange : ['/input/width', '/input/height']).map((pointer) => ({ pointer, detail }));
  }
  return (['width', 'height'] as const).flatMap((side) => {
    const { min, max, step } = sizes[side];
    const value = side === 'width' ? width : height;
    if (value >= min && value <= max && value % step === 0) return [];
    return [notAllowed(`/input/${side}`, value, `a multiple of ${step} from ${min} to ${max} with the pack ${name}`)];
  });
}

/** A whole number is a step of this very request. */
function mergeStepErrors({ merge_step, steps }: ResolvedInput): FieldError[] {
  if (typeof merge_step === 'string' || merge_step <= steps) return [];
  return [notAllowed('/input/merge_step', merge_step, `at most ${steps}, the steps`)];
}

const notAllowed = (pointer: string, value: unknown, allowed: string): FieldError => ({
  pointer,
  detail: `must be ${allowed}; got ${preview(value)}`,
});
