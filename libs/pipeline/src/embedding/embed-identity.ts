/**
 * Stage 2: who it is (ArcFace), what the whole picture and the regions look like (CLIP), and what was asked for (text) → the
 * rows that steer the denoising.
 */
import { decodePicture, decodePlain } from '../image/decode.ts';
import { toRgb } from '../image/picture.ts';
import type { EmbeddingModels } from '../model-set.ts';
import type { RegionName } from '../parsing/regions.ts';
import { writeTensors } from '../safetensors.ts';
import { encodePrompt } from './encode-prompt.ts';
import { embedFace, encodeReference } from './encode-reference.ts';
import { FACIAL_TOKEN, IMAGE_TOKEN } from './facial-markers.ts';
import { writePromptRows } from './prompt-rows.ts';

export interface EmbedIdentityInput {
  /** The file as uploaded. */
  readonly reference: Uint8Array;
  /** PNG, 112 × 112. Null: no face was found, and the identity rests on the pictures alone. */
  readonly face: Uint8Array | null;
  /** As `parseFace` left them. */
  readonly regions: readonly { readonly name: RegionName; readonly png: Uint8Array }[];
  readonly prompt: string;
  /** Empty: none. */
  readonly negativePrompt: string;
}

export interface EmbeddedIdentity {
  /** safetensors, independent of the prompt: face_embedding [1,512], id_tokens and id_tokens_uncond [1,4,C], region_tokens [1,5,1,C]. */
  readonly identity: Uint8Array;
  /** safetensors: the rows null, text and augmented, [1,81,C] each; SDXL also their pooled texts. */
  readonly promptRows: Uint8Array;
}

export async function embedIdentity(models: EmbeddingModels, input: EmbedIdentityInput): Promise<EmbeddedIdentity> {
  const picture = toRgb(await decodePicture(input.reference));
  const regions = await Promise.all(input.regions.map(async ({ name, png }) => ({ name, image: toRgb(await decodePlain(png)) })));
  const face = input.face === null ? null : await embedFace(models, toRgb(await decodePlain(input.face)));

  const seen = await encodeReference(models, { picture, regions, face });
  const { rows } = await encodePrompt(models, {
    prompt: withoutMarkers(input.prompt),
    negativePrompt: input.negativePrompt || null,
    regions: regions.map(({ name }) => name),
    seen,
  });
  return {
    identity: writeTensors({
      face_embedding: seen.face,
      id_tokens: seen.idTokens,
      id_tokens_uncond: seen.idTokensUncond,
      region_tokens: seen.regionTokens,
    }),
    promptRows: writePromptRows(rows),
  };
}

/** A marker in a prompt would claim a region of its own. */
const withoutMarkers = (prompt: string) => prompt.replaceAll(FACIAL_TOKEN, '').replaceAll(IMAGE_TOKEN, '');
