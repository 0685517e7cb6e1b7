/** An input as it will be stored: everything filled in, its addresses looked at, its bytes kept. */
import type { AcceptedInput, PackSummary } from '@likeness/contracts';
import type { Principal } from '../http/api-keys.ts';
import type { Parts } from '../parts.ts';
import { applyPreset } from '../presets/apply-preset.ts';
import { createPresetFinder, type PresetFinder } from '../presets/presets.store.ts';
import { keepPicture } from '../uploads/keep-picture.ts';
import type { CreateRequest } from './read-create-request.ts';
import { resolveInput } from './resolve-input.ts';

export type AcceptParts = Pick<Parts, 'packs' | 'config' | 'db' | 'store'> & { readonly egress: Pick<Parts['egress'], 'check'> };

/**
 * @throws LikenessError `validation_failed`, `input_url_blocked`, `image_unreadable`, `image_too_small`, `storage_unavailable`
 */
export async function acceptInput(
  parts: AcceptParts,
  principal: Principal,
  wanted: CreateRequest['body']['input'],
  references: CreateRequest['references'],
  presets: PresetFinder = createPresetFinder(parts.db, principal.tenantId),
): Promise<{ input: AcceptedInput; pack: PackSummary }> {
  const { input, pack } = await checkInput(parts, wanted, references, presets);
  const reference_images = await Promise.all(references.map((reference) => referenceOf(parts, principal, reference)));
  return { input: { ...input, reference_images }, pack };
}

/** What the request leaves open, from its preset and then from its pack. Keeps nothing. @throws LikenessError `validation_failed` */
export async function fillInput(
  { packs, config }: Pick<Parts, 'packs' | 'config'>,
  wanted: CreateRequest['body']['input'],
  presets: PresetFinder,
): Promise<ReturnType<typeof resolveInput>> {
  const preset = wanted.preset === undefined ? undefined : await presets(wanted.preset);
  return resolveInput(applyPreset(wanted, preset), packs, config.DEFAULT_PACK);
}

/** Filled in, and its addresses looked at. Keeps nothing. @throws LikenessError `validation_failed`, `input_url_blocked` */
export async function checkInput(
  parts: Pick<AcceptParts, 'packs' | 'config' | 'egress'>,
  wanted: CreateRequest['body']['input'],
  references: CreateRequest['references'],
  presets: PresetFinder,
): Promise<ReturnType<typeof resolveInput>> {
  const filled = await fillInput(parts, wanted, presets);
  const urls = references.filter((reference) => typeof reference === 'string' && reference.startsWith('http')) as string[];
  await Promise.all(urls.map((url) => parts.egress.check(url, 'input_url_blocked')));
  return filled;
}

/** Bytes become an upload; ids and URLs stay what they are. */
async function referenceOf(parts: AcceptParts, { tenantId }: Principal, reference: CreateRequest['references'][number]): Promise<string> {
  if (typeof reference === 'string') return reference;
  const upload = await keepPicture(parts, tenantId, reference);
  if (!upload) throw new Error('an upload without a key is always made');
  return upload.id;
}
