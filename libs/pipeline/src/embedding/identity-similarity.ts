/** How much a portrait looks like the person: the measure identity is judged by. */
import { decodePlain } from '../image/decode.ts';
import { toRgb } from '../image/picture.ts';
import type { EmbeddingModels, ParsingModels } from '../model-set.ts';
import { PipelineError } from '../errors.ts';
import { findFace } from '../parsing/parse-face.ts';
import { embedFace } from './encode-reference.ts';
import { readIdentity } from './identity.ts';

/**
 * Cosine of the ArcFace embeddings, −1 … 1. Null where it would mean nothing: the pack was never trained, the identity has no face,
 * or the portrait shows none.
 */
export async function identitySimilarity(
  models: ParsingModels & EmbeddingModels,
  identity: Uint8Array,
  image: Uint8Array,
): Promise<number | null> {
  if (!models.pack.manifest.trained) return null;
  const { face: known, corrections } = readIdentity(identity);
  const reference = known.data;
  if (reference.every((x) => x === 0)) return null;
  try {
    const { face } = await findFace(models, toRgb(await decodePlain(image)), corrections);
    if (!face) return null;
    const { data } = await embedFace(models, face, corrections);
    return reference.reduce((sum, x, i) => sum + x * data[i]!, 0);
  } catch (error) {
    if (error instanceof PipelineError && error.code === 'no_face_detected') return null;
    throw error;
  }
}
