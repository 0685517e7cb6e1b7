/** Stage 2: who it is (ArcFace), what the whole picture and the regions look like (CLIP) → the identity, for any prompt. */
import type { Corrections } from '../corrections.ts';
import { decodePicture, decodePlain } from '../image/decode.ts';
import { toRgb } from '../image/picture.ts';
import type { EmbeddingModels } from '../model-set.ts';
import type { RegionName } from '../parsing/regions.ts';
import { embedFace, encodeReference, type IdentitySource } from './encode-reference.ts';
import { writeIdentity } from './identity.ts';

export interface EmbedIdentityInput {
  /** The file as uploaded. */
  readonly reference: Uint8Array;
  /** PNG, 112 × 112. Null: no face was found, and the identity rests on the pictures alone. */
  readonly face: Uint8Array | null;
  /** As `parseFace` left them. */
  readonly regions: readonly { readonly name: RegionName; readonly png: Uint8Array }[];
  readonly corrections?: Corrections | undefined;
  /** See `ReferencePictures`. */
  readonly sources?: readonly IdentitySource[] | undefined;
}

export interface EmbeddedIdentity {
  /** As `writeIdentity` writes it. */
  readonly identity: Uint8Array;
}

export async function embedIdentity(models: EmbeddingModels, input: EmbedIdentityInput): Promise<EmbeddedIdentity> {
  const { corrections = [], sources } = input;
  const picture = toRgb(await decodePicture(input.reference));
  const regions = await Promise.all(input.regions.map(async ({ name, png }) => ({ name, image: toRgb(await decodePlain(png)) })));
  const face = input.face === null ? null : await embedFace(models, toRgb(await decodePlain(input.face)), corrections);

  const seen = await encodeReference(models, { picture, regions, face, corrections, sources });
  return { identity: writeIdentity({ ...seen, regions: regions.map(({ name }) => name), corrections }) };
}
